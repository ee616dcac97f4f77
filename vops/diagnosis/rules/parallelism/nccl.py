"""Shared by the rules about processes that work together: how NCCL and PyTorch say that they cannot."""

from __future__ import annotations

from vops.diagnosis.logs.cuda_errors import Meaning, words
from vops.model.patterns import lazy_pattern

FAILED = lazy_pattern(
    r"NCCL|[Nn]ccl|[Hh][Cc][Cc][Ll]|oneCCL|seconds waiting for clients"
    r"|DistBackendError|DistNetworkError|DistStoreError|[Gg]loo|TCPStore|Watchdog caught|^Watchdog: "
    r"|RPC call to \w{1,40} timed out|ProcessGroup|connectFullMesh|Connection closed by (?:remote )?peer"
    r"|(?:send|recv)Bytes (?:failed|at /)"
    r"|Broken pipe \(errno|init_process_group|client socket has (?:failed|timed out)|recvValue failed"
    r"|DeepEP.{0,40}(?:error|timeout)|[Nn][Vv][Ss][Hh][Mm][Ee][Mm]|ibv_\w{1,30} failed|\bfi_\w{1,30} failed"
    r"|\bEFA\b.{0,60}failed"
    r"|(?:hip|cuda)Ipc(?:Get|Open)\w{1,24}|IPC memory creation failed|Failed to create memory for IPC"
    r"|Stop_waiting response|Error initializing torch\.distributed|Unable to find address for: |caused pair closure"
    r"|store based barrier|pidfd_(?:open|getfd)|initialize any NET plugin|deep_ep\.cpp|ZMQError: (?:Cannot assign"
    r"|No such dev)"
    r"|DeepEP timeout|mismatch between collectives on ranks|[Cc]ustom allreduce(?! is disabled)"
    r"|Error: Custom allreduce is disabled|custom_all_?reduce|peer access is not supported"
    r"|peer-to-peer access from|SymmetricMemory|SymmDeviceMemory|cuMulticast|Barrier (?:departure )?timed out"
    rf"|{words(Meaning.PEER)}"
)
SHARED_MEMORY = lazy_pattern(  # in the container's /dev/shm, not in a file of vops
    r"/dev/[s]hm.{0,200}(?:[Nn]o space|No such|error)|failed to extend /dev/shm|shared memory segment /dev/shm"
    r"|Could not map /dev/shm|failed to create shared memory file|creating shared memory segment nccl-"
    r"|posix_fallocate failed.{0,40}[Nn]o space"
    r"|(?:\bout of |100% )/dev/[s]hm|/dev/[s]hm.{0,40}(?:\bis full\b|\b100 ?%)"
)
