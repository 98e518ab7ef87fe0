"""What processes have used, from /proc."""

import os
import pathlib
import time

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid):
    """User and system time of a process with all its threads; 0 when it has gone."""
    try:
        return cpu_seconds_of(pathlib.Path(f"/proc/{pid}/stat").read_text())
    except OSError:
        return 0.0


def cpu_seconds_of(stat):
    """The same from the text of /proc/PID/stat."""
    fields = stat.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def peak_resident_bytes(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"/proc/{pid}/status has no VmHWM")


def forget_peak(pid):
    """The peak begins anew with what is resident now."""
    pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5")


def machine_cpu_seconds():
    """Busy time of all cores, since boot; what a hypervisor took (steal) counts as busy."""
    fields = pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, fields)
    return (user + nice + system + irq + softirq + steal) / TICKS


def children(pid):
    """Process ids of the direct children, with their titles."""
    found = {}
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if int((entry / "stat").read_text().rpartition(")")[2].split()[1]) == pid:
                found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:
            continue
    return found


def family(pid):
    """A process, its children, and theirs."""
    return [pid, *(one for child in children(pid) for one in family(child))]


def proportional_bytes(pid):
    """Resident memory; what several processes share counts in parts. 0 when the process has gone."""
    try:
        text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    for line in text.splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"/proc/{pid}/smaps_rollup has no Pss")


class Meter:
    """CPU of named groups of processes between `begin` and `end`. A group is a function that lists its pids."""

    def __init__(self, groups):
        self._groups = {"bench": lambda: [os.getpid()], **groups}

    def begin(self):
        self._before = {name: {pid: cpu_seconds(pid) for pid in pids()} for name, pids in self._groups.items()}
        self._machine = machine_cpu_seconds()
        self._clock = time.monotonic()

    def end(self):
        """Group -> CPU seconds, and how many cores others had meanwhile. To be called while the processes still run."""
        elapsed = time.monotonic() - self._clock
        machine = machine_cpu_seconds() - self._machine
        used = {name: sum(cpu_seconds(pid) - self._before[name].get(pid, 0.0) for pid in pids())
                for name, pids in self._groups.items()}
        others = max(0.0, machine - sum(used.values())) / elapsed
        del used["bench"]
        return used, others
