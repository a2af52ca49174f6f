"""Where there is a dataset, its lines and bytes are counted; the result goes where the task wants it."""
import os
import pathlib
import platform

print(f"hello from python {platform.python_version()} as process {os.getpid()}")

dataset = os.environ.get("IEXEC_DATASET_FILENAME")
if dataset:
    content = pathlib.Path(os.environ["IEXEC_IN"], dataset).read_bytes()
    lines = content.count(b"\n")
    result = f"{lines} lines, {len(content)} bytes\n"
    pathlib.Path(os.environ["IEXEC_OUT"], "result.txt").write_text(result)
