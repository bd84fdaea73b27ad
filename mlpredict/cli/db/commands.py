"""The commands of `mlpredict db`."""

from __future__ import annotations

from mlpredict.cli.db.clients import psql, url
from mlpredict.cli.db.dumps import dump, restore
from mlpredict.cli.db.lifecycle import destroy, start, stop, upgrade
from mlpredict.cli.db.partition import partition
from mlpredict.cli.db.status import status
from mlpredict.cli.db.sweep import sweep
from mlpredict.cli.layout import App

# Help and errors as the main app gives them.
app = App(rich_markup_mode=None)
app.command("status", epilog="mlpredict db status --json")(status)
app.command("start", epilog="mlpredict db start")(start)
app.command("stop", epilog="mlpredict db stop --force")(stop)
app.command("url", epilog='psql "$(mlpredict db url)"')(url)
app.command("psql", epilog="mlpredict db psql -- -c 'SELECT count(*) FROM predictions'")(psql)
app.command("dump", epilog="mlpredict db dump predictions.dump")(dump)
app.command("restore", epilog="mlpredict db restore predictions.dump")(restore)
app.command("partition", epilog="mlpredict db partition --dry-run")(partition)
app.command("upgrade", epilog="mlpredict db upgrade")(upgrade)
app.command("sweep", epilog="mlpredict db sweep s3://archive/images/ --dry-run")(sweep)
app.command("destroy", epilog="mlpredict db destroy")(destroy)
