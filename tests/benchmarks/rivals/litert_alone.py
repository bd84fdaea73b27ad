"""LiteRT and nothing else, on all cores: litert_alone.py FLATBUFFER COUNT

An interpreter of one thread for every core, which is faster than one that shares each image among them.
"""

import os
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from ai_edge_litert.interpreter import Interpreter

path, count = sys.argv[1], int(sys.argv[2])
cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def work(images: int) -> None:
    """Run so many images, one after another."""
    interpreter = Interpreter(path, num_threads=1)
    interpreter.allocate_tensors()
    (entry,) = interpreter.get_input_details()
    noise = np.random.default_rng(2020).random(entry["shape"], np.float32)
    for _ in range(images):
        interpreter.set_tensor(entry["index"], noise)
        interpreter.invoke()
        interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


shares = [count // cores + (place < count % cores) for place in range(cores)]
with ThreadPoolExecutor(cores) as pool:
    list(pool.map(work, shares))
