"""What a process costs, as Linux counts it in /proc. Source: proc(5), `/proc/pid/stat` and `/proc/pid/status`."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
QUIET_S = 0.3


def cpu_s(pid: int) -> float:
    """Processor seconds so far, user and system, of all threads; counted in steps of 10 ms as a rule."""
    # The name in parentheses may hold blanks, so count from behind it: utime and stime are fields 14 and 15.
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def rss_mb(pid: int) -> float:
    """Resident memory in megabytes of 1,000,000 bytes."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines()
    (kibibytes,) = [line.split()[1] for line in lines if line.startswith("VmRSS:")]
    return int(kibibytes) * 1024 / 1e6


async def at_rest(pid: int) -> float:
    """Return once the process did nothing worth a tick for a while: `cpu_s` then."""
    while True:
        before = cpu_s(pid)
        await asyncio.sleep(QUIET_S)
        if cpu_s(pid) == before:
            return before
