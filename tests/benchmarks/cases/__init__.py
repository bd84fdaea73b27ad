"""What is measured, by name and in order."""

from tests.benchmarks.cases.applications import applications, preparing
from tests.benchmarks.cases.bucket import bucket
from tests.benchmarks.cases.case import Case
from tests.benchmarks.cases.clusters import ray
from tests.benchmarks.cases.folders import digits, large_photos, photos
from tests.benchmarks.cases.labels import labels
from tests.benchmarks.cases.pages import pages
from tests.benchmarks.cases.partitions import partitioned
from tests.benchmarks.cases.parts import parts
from tests.benchmarks.cases.pixeltable import pixeltable
from tests.benchmarks.cases.reading import list_, show
from tests.benchmarks.cases.scaling import million, scaling
from tests.benchmarks.cases.serve import serve
from tests.benchmarks.cases.settings import settings
from tests.benchmarks.cases.single import one
from tests.benchmarks.cases.starting import help_, version
from tests.benchmarks.cases.stream import stream

CASES: dict[str, Case] = {
    "one": one,
    "list": list_,
    "show": show,
    "help": help_,
    "version": version,
    "digits": digits,
    "photos": photos,
    "large-photos": large_photos,
    "applications": applications,
    "preparing": preparing,
    "scaling": scaling,
    "million": million,
    "pages": pages,
    "stream": stream,
    "serve": serve,
    "settings": settings,
    "labels": labels,
    "parts": parts,
    "bucket": bucket,
    "pixeltable": pixeltable,
    "partitions": partitioned,
    "ray": ray,
}
