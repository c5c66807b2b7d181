"""escape.py FILE: leaves its session, writes its number into the file, and stays for a minute."""

import os
import sys
import time

os.setsid()
with open(sys.argv[1], "w") as file:
    print(os.getpid(), file=file)
time.sleep(60)
