"""Every error that CUDA and HIP have a name for, by what it means for a server.

Programs show one in three ways: PyTorch's `CUDA error: TEXT`, the name of the runtime's code (cudaErrorNoDevice), and
that of the driver's (CUDA_ERROR_NO_DEVICE). The table is cudaError_t's and CUresult's of CUDA 13. Out of memory is not
in it, since what to do about that follows from when it happens; and NCCL's `Cuda failure 'TEXT'` is left to its rule.
"""

from __future__ import annotations

from enum import Enum, auto


class Meaning(Enum):
    DRIVER = auto()  # image, driver and GPU do not go together
    CODE = auto()  # there is no code for this GPU in the image
    NO_GPU = auto()
    TAKEN = auto()
    COUNT = auto()  # a GPU is meant that is not there
    PEER = auto()
    HARDWARE = auto()
    CRASH = auto()  # a kernel's mistake, or the consequence of one


_ERRORS = {
    Meaning.DRIVER: (
        ("StubLibrary", "STUB_LIBRARY", "CUDA driver is a stub library"),
        ("InsufficientDriver", "", "CUDA driver version is insufficient"),
        ("CallRequiresNewerDriver", "", "API call is not supported in the installed CUDA driver"),
        ("DeviceNotLicensed", "DEVICE_NOT_LICENSED", "device doesn't have valid Grid license"),
        ("SoftwareValidityNotEstablished", "", "integrity checks failed"),
        ("UnsupportedPtxVersion", "UNSUPPORTED_PTX_VERSION", "the provided PTX was compiled with an unsupported"),
        ("JitCompilerNotFound", "JIT_COMPILER_NOT_FOUND", "PTX JIT compiler library not found"),
        ("JitCompilationDisabled", "JIT_COMPILATION_DISABLED", "PTX JIT compilation was disabled"),
        ("SharedObjectSymbolNotFound", "SHARED_OBJECT_SYMBOL_NOT_FOUND", "shared object symbol not found"),
        ("SharedObjectInitFailed", "SHARED_OBJECT_INIT_FAILED", "shared object initialization failed"),
        ("NotPermitted", "NOT_PERMITTED", r"operation not permitted(?! (?:when|on))"),
        ("NotSupported", "NOT_SUPPORTED", r"operation not supported(?! on)"),
        ("SystemNotReady", "SYSTEM_NOT_READY", "system not yet initialized"),
        ("SystemDriverMismatch", "SYSTEM_DRIVER_MISMATCH", "system has unsupported display driver"),
        ("CompatNotSupportedOnDevice", "COMPAT_NOT_SUPPORTED_ON_DEVICE", "forward compatibility was attempted"),
    ),
    Meaning.CODE: (
        ("InvalidKernelImage", "INVALID_IMAGE", "device kernel image is invalid"),
        ("NoKernelImageForDevice", "NO_BINARY_FOR_GPU", "no kernel image is available"),
        ("InvalidPtx", "INVALID_PTX", "a PTX JIT compilation failed"),
        ("", "UNSUPPORTED_EXEC_AFFINITY", ""),
    ),
    Meaning.NO_GPU: (
        ("NoDevice", "NO_DEVICE", "no (?:CUDA|ROCm)-capable device is detected"),
        ("MpsConnectionFailed", "MPS_CONNECTION_FAILED", "MPS client failed to connect"),
        ("MpsRpcFailure", "MPS_RPC_FAILURE", "the remote procedural call between the MPS server"),
        ("MpsServerNotReady", "MPS_SERVER_NOT_READY", "MPS server is not ready"),
        ("InitializationError", "NOT_INITIALIZED", "initialization error"),
    ),
    Meaning.TAKEN: (
        ("DevicesUnavailable", "DEVICE_UNAVAILABLE", r"CUDA-capable device\(s\) is/are busy"),
        ("MpsMaxClientsReached", "MPS_MAX_CLIENTS_REACHED", "the hardware resources required to create MPS client"),
        ("MpsMaxConnectionsReached", "MPS_MAX_CONNECTIONS_REACHED", "the hardware resources required to device"),
    ),
    Meaning.COUNT: (("InvalidDevice", "INVALID_DEVICE", "invalid device ordinal"),),
    Meaning.PEER: (
        ("PeerAccessUnsupported", "PEER_ACCESS_UNSUPPORTED", "peer access is not supported"),
        ("TooManyPeers", "TOO_MANY_PEERS", "peer mapping resources exhausted"),
        ("PeerAccessAlreadyEnabled", "PEER_ACCESS_ALREADY_ENABLED", "peer access is already enabled"),
        ("PeerAccessNotEnabled", "PEER_ACCESS_NOT_ENABLED", "peer access has not been enabled"),
        ("", "MAP_FAILED", "mapping of buffer object failed"),
    ),
    Meaning.HARDWARE: (
        ("ECCUncorrectable", "ECC_UNCORRECTABLE", "uncorrectable ECC error"),
        ("NvlinkUncorrectable", "NVLINK_UNCORRECTABLE", "uncorrectable NVLink error"),
        ("HardwareStackError", "HARDWARE_STACK_ERROR", "hardware stack error"),
        ("Contained", "CONTAINED", ""),
        ("LaunchFailure", "LAUNCH_FAILED", "unspecified launch failure"),
    ),
    Meaning.CRASH: (
        ("InvalidValue", "INVALID_VALUE", "invalid argument"),
        ("CudartUnloading", "DEINITIALIZED", "driver shutting down"),
        ("InvalidConfiguration", "", "invalid configuration argument"),
        ("InvalidSymbol", "", "invalid device symbol"),
        ("DeviceUninitialized", "INVALID_CONTEXT", "invalid device context"),
        ("InvalidResourceHandle", "INVALID_HANDLE", "invalid resource handle"),
        ("IllegalState", "ILLEGAL_STATE", ""),
        ("SymbolNotFound", "NOT_FOUND", "named symbol not found"),
        ("IllegalAddress", "ILLEGAL_ADDRESS", "an illegal memory access"),
        ("LaunchOutOfResources", "LAUNCH_OUT_OF_RESOURCES", "too many resources requested"),
        ("LaunchTimeout", "LAUNCH_TIMEOUT", "the launch timed out"),
        ("ContextIsDestroyed", "CONTEXT_IS_DESTROYED", "context is destroyed"),
        ("Assert", "ASSERT", "device-side assert"),
        ("IllegalInstruction", "ILLEGAL_INSTRUCTION", "an illegal instruction"),
        ("MisalignedAddress", "MISALIGNED_ADDRESS", "misaligned address"),
        ("InvalidAddressSpace", "INVALID_ADDRESS_SPACE", "operation not supported on global/shared"),
        ("InvalidPc", "INVALID_PC", "invalid program counter"),
        ("TensorMemoryLeak", "TENSOR_MEMORY_LEAK", ""),
        ("CooperativeLaunchTooLarge", "COOPERATIVE_LAUNCH_TOO_LARGE", "too many blocks in cooperative launch"),
        ("MpsClientTerminated", "MPS_CLIENT_TERMINATED", "the MPS client has been terminated"),
        (r"StreamCapture\w{1,20}", r"STREAM_CAPTURE_\w{1,20}", "operation not permitted when stream is capturing"),
        ("CapturedEvent", "CAPTURED_EVENT", "operation not permitted on an event last recorded"),
        ("Timeout", "TIMEOUT", "wait operation timed out"),
        ("OperatingSystem", "OPERATING_SYSTEM", "OS call failed or operation not supported on this OS"),
        ("ExternalDevice", "EXTERNAL_DEVICE", "an async error has occured"),
        ("Unknown", "UNKNOWN", "unknown error"),
    ),
}


def words(meaning: Meaning) -> str:
    """A pattern of all the ways in which an error of this meaning is shown."""
    rows = _ERRORS[meaning]
    runtime, driver, texts = ("|".join(filter(None, names)) for names in zip(*rows, strict=True))
    return rf"cudaError(?:{runtime})\b|CUDA_ERROR_(?:{driver})\b|(?:CUDA|HIP)(?: driver)? [Ee]rror: (?:{texts})"
