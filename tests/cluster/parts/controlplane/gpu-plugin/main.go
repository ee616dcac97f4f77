// Command gpu-plugin offers GPUs that are not there to a kubelet, and lets them fail: after SIGUSR1 all are unhealthy.
//
//	gpu-plugin RESOURCE COUNT
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"k8s.io/klog/v2"
	device "k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1"
	plugin "k8s.io/kubernetes/pkg/kubelet/cm/devicemanager/plugin/v1beta1"
)

func main() {
	resource := os.Args[1]
	count, err := strconv.Atoi(os.Args[2])
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	failures := make(chan os.Signal, 1)
	signal.Notify(failures, syscall.SIGUSR1)
	stub := plugin.NewDevicePluginStub(
		klog.FromContext(ctx), gpus(count, device.Healthy), device.DevicePluginPath+"gpu-plugin.sock", resource, false, false)
	if err := stub.Start(ctx); err != nil {
		panic(err)
	}
	if err := stub.Register(ctx, device.KubeletSocket, resource, ""); err != nil {
		panic(err)
	}
	<-failures
	stub.Update(gpus(count, device.Unhealthy))
	select {}
}

func gpus(count int, health string) []*device.Device {
	found := make([]*device.Device, count)
	for index := range found {
		found[index] = &device.Device{ID: fmt.Sprintf("GPU-%d", index), Health: health}
	}
	return found
}
