import hashlib, sqlite3
from concurrent.futures import ThreadPoolExecutor
squares = ThreadPoolExecutor(4).map(lambda n: n * n, range(10))
total = sqlite3.connect("/tmp/db").execute("SELECT ? + 1", (sum(squares),)).fetchone()[0]
print(total, hashlib.sha256(b"cloister").hexdigest()[:16])
