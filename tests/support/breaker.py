"""The circuit breaker of the telemetry pipeline: what trips it, and how one sees that it is open."""

from support.admin import Admin
from support.process import wait_until

BROKEN = {"latitude": 0, "longitude": 0, "trip_start_latitude": 1, "trip_start_longitude": 1}  # has_gps_fix
QUARANTINE = ("(latitude = 0 and longitude = 0), action: fail", "(latitude = 0 and longitude = 0), action: quarantine")
FAIL = QUARANTINE[::-1]  # changes of the contract, for Pipeline.edit_contract


def tripped(service, partition=0):
    """Why the breaker of the partition is open; None when it is not."""
    with Admin(service.admin_address) as admin:
        for status in admin.call("GetStatus")["pipelines"][0]["partitions"]:
            if status["partition"] == partition and status["state"] == "PARTITION_STATE_TRIPPED":
                return status["error"]
    return None


def wait_tripped(service, offset, partition=0):
    return wait_until(lambda: f"open at offset {offset}:" in (tripped(service, partition) or "") and tripped(service, partition), 30,
                      lambda: f"tripped at {offset}: {tripped(service, partition)}\n{service.log_tail()}")
