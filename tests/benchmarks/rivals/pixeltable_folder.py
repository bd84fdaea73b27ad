"""A folder of digits into a new table of pixeltable: pixeltable_folder.py MODEL FOLDER"""

import os
import sys
from pathlib import Path

model, folder = sys.argv[1:]
os.environ["BENCHMARK_MODEL"] = model

import pixeltable as pxt  # noqa: E402

from tests.benchmarks.rivals.pixeltable_model import probabilities  # noqa: E402

images = sorted(Path(folder).iterdir())
table = pxt.create_table("digits", {"image": pxt.Image}, if_exists="replace_force")
table.add_computed_column(predictions=probabilities(table.image))
status = table.insert([{"image": str(one)} for one in images])
if status.num_excs or table.count() != len(images):
    sys.exit(f"{table.count()} of {len(images)} rows, {status.num_excs} errors")
