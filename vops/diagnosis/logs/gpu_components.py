"""What the programs that make a node offer its GPUs say when they fail, whatever level they say it at.

Each of these names its program too: a few lines of such a log are known by them. Sources: NVIDIA's gpu-operator
(controllers, validator), gpu-driver-container, mig-parted, container toolkit, k8s-device-plugin and dcgm-exporter; the
device plugins of AMD, Intel and Habana.
"""

from __future__ import annotations

OPERATOR = (
    r"Failed to get kernel version of GPU node using Node Feature Discovery|unsupported driver combination detected"
    r"|failed to get driver image path|empty image path provided through both CR and ENV"
    r"|Failed to apply (?:common Daemonset )?transformation|failed to transform the (?:Driver Toolkit|pre-compiled)"
    r"|Could not (?:resolve|locate) Linux kernel version|Unable to find the kernel source tree for the currently"
    r"|FATAL: failed to (?:reach RHEL|install elfutils|update the dnf)"
    r"|modprobe: (?:ERROR|FATAL): .{0,80}nvidia|could not insert '?nvidia"
    r"|cannot find (?:match for compatible vgpu driver|vgpu devices on host)"
    r"|fabric manager NVIDIA GPU driver interface version \S{1,40} don't match"
    r"|ERROR: An error occurred while performing the step: \W{0,2}(?:Building|Checking|Installing) "
    r"|Failed to apply MIG config: |MIG mode change did not take effect|Unable to validate the selected MIG config"
    r"|selected mig-config not present|error (?:setting|applying) MIG ?[Cc]onfig|all orderings failed"
    r"|error running nvidia-toolkit: |unable to setup runtime: |unable to determine runtime options"
    r"|ClusterPolicy is not ready, states not ready: "
)
PLUGIN = (
    r"Failed to initialize NVML: \W?(?:ERROR_|could not load)|Incompatible (?:strategy|platform) detected"
    r"|error starting plugins: |Could not register device plugin: |Failed to start (?:plugin|MPS daemon): "
    r"|Invalid configuration detected for mig-strategy|error waiting for MPS daemon: |has no MIG devices configured"
    r"|amdgpu driver unavailable|No GPU nodes found via properties|unable to find gpu nodes under topo"
    r"|Failed to scan: .{0,20}can't read sysfs|[Cc]an't read sysfs folder"
    r"|[Ff]ailed to initialize HLML"
)
EXPORTER = (
    r"Failed to watch metrics: |third-party Profiling module returned|no supported GPU devices found"
    r"|Failed to collect metrics; err: |could not retrieve ConfigMap '[^']{1,253}'; err"
    r"|[Ee]rror connecting to nv-hostengine|Host engine connection invalid"
    r"|could not find DCGM field; err|malformed CSV record; err|CacheManager Init Failed"
)
