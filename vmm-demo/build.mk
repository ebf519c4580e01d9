# vmm-demo
