#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""
vmm.py - parts B, C and D of make bench-vmm: VMs with embedded stores beside a real Prometheus

    vmm.py --build DIR --scratch DIR [--seconds N] [--vms 10,50,100] [--lifetimes 5,10,30,45]
           [--each N] [--rounds N] [PART...]

Prints one JSON object with what it measured. Needs root: it runs itself in a network namespace of its
own, so that its loopback's traffic is its own. It never counts what it can't: /proc is asked for CPU time,
memory and bytes of exactly the processes that it started. docs/BENCHMARKS.md says how to read it.
"""
import argparse
import json
import os
import random
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time
import urllib.parse
import urllib.request

TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
PORT = 19090  # Prometheus', in our own namespace
# A guest that makes ten exits a second and sleeps in between.
QUIET = ["--guest", "hlt=100000000", "--halt-us", "100000", "--mem", "4"]


class Lack(Exception):
    """Something that a part needs is not here."""


def cpu_seconds(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def memory(pid):
    """Proportional and anonymous-plus-shared resident memory, bytes."""
    text = open(f"/proc/{pid}/smaps_rollup").read()
    return {key: int(re.search(rf"^{key}: *(\d+)", text, re.M).group(1)) * 1024
            for key in ("Rss", "Pss", "Pss_Anon")}


def loopback_bytes():
    for line in open("/proc/net/dev"):
        if line.strip().startswith("lo:"):
            return int(line.split()[1])
    raise Lack("no loopback")


def disk(path):
    """Allocated bytes of a directory."""
    return sum(os.lstat(os.path.join(d, f)).st_blocks * 512
               for d, _, files in os.walk(path) for f in files)


class Prometheus:
    """Debian's, of which nothing but the scrape interval is set."""

    def __init__(self, scratch, interval):
        self.dir = os.path.join(scratch, "prometheus")
        shutil.rmtree(self.dir, ignore_errors=True)
        os.makedirs(self.dir)
        self.targets_file = os.path.join(self.dir, "targets.json")
        self.targets({})
        config = os.path.join(self.dir, "prometheus.yml")
        with open(config, "w") as f:
            f.write(f"global:\n  scrape_interval: {interval}s\n  scrape_timeout: {min(interval, 10)}s\n"
                    "scrape_configs:\n  - job_name: vmm\n    file_sd_configs:\n"
                    f"      - files: [{self.targets_file}]\n")
        self.log = open(os.path.join(self.dir, "log"), "w")
        self.process = subprocess.Popen(
            ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={self.dir}/data",
             f"--web.listen-address=127.0.0.1:{PORT}", "--web.enable-admin-api"],
            stdout=self.log, stderr=self.log)
        self.pid = self.process.pid
        for _ in range(300):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{PORT}/-/ready", timeout=5).read()
                return
            except OSError:
                time.sleep(0.1)
        raise Lack("prometheus does not start: " + open(self.log.name).read()[-300:])

    def targets(self, ports):
        """{name: port}, as an orchestrator writes them: the new file takes the old one's place."""
        with open(self.targets_file + ".new", "w") as f:
            json.dump([{"targets": [f"127.0.0.1:{p}"], "labels": {"name": n}}
                       for n, p in ports.items()], f)
        os.rename(self.targets_file + ".new", self.targets_file)

    def query(self, text):
        url = f"http://127.0.0.1:{PORT}/api/v1/query?" + urllib.parse.urlencode({"query": text})
        return json.load(urllib.request.urlopen(url, timeout=30))["data"]["result"]

    def snapshot_bytes(self):
        """What its data take as a block, which it would make of them after hours."""
        url = f"http://127.0.0.1:{PORT}/api/v1/admin/tsdb/snapshot"
        name = json.load(urllib.request.urlopen(urllib.request.Request(url, method="POST"),
                                                timeout=120))["data"]["name"]
        return disk(os.path.join(self.dir, "data", "snapshots", name))

    def samples(self):
        text = urllib.request.urlopen(f"http://127.0.0.1:{PORT}/metrics", timeout=30).read().decode()
        return sum(float(v) for v in re.findall(
            r"^prometheus_tsdb_head_samples_appended_total(?:\{[^}]*\})? (\S+)", text, re.M))

    def close(self):
        self.process.terminate()
        self.process.wait()
        self.log.close()


class VM:
    def __init__(self, bench, name, *options, guest=QUIET):
        self.name = name
        self.error = os.path.join(bench.scratch, name + ".err")
        with open(self.error, "w") as log:
            self.process = subprocess.Popen(
                [bench.vmm, "--name", name, *guest, *options], stdout=subprocess.DEVNULL, stderr=log)
        self.pid = self.process.pid

    def port(self):
        """Where its --api 0 listens, or None before it says so."""
        found = re.search(r"127\.0\.0\.1:(\d+)/", open(self.error).read())
        return int(found.group(1)) if found else None

    def wait_port(self):
        for _ in range(600):
            if self.port():
                return self.port()
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise Lack(f"{self.name}: " + open(self.error).read())

    def stop(self):
        self.process.send_signal(signal.SIGTERM)

    def wait(self):
        return self.process.wait(timeout=60)


class Bench:
    def __init__(self, args):
        self.vmm = os.path.join(args.build, "bin", "rondo-vmm")
        self.cli = os.path.join(args.build, "bin", "rondo-bpf-cli")
        self.bpfd = os.path.join(args.build, "bin", "rondo-bpfd")
        self.scratch = args.scratch
        self.seconds = args.seconds
        self.args = args

    def clean(self):
        shutil.rmtree(self.scratch, ignore_errors=True)
        os.makedirs(self.scratch)

    # ---- B: many VMs, embedded or scraped ----

    def watch(self, vms, prometheus=None):
        """CPU, memory and traffic over the seconds, once all has come up."""
        time.sleep(5)
        pids = [vm.pid for vm in vms]
        before = sum(map(cpu_seconds, pids)), loopback_bytes()
        server = cpu_seconds(prometheus.pid) if prometheus else 0
        begin = time.monotonic()
        time.sleep(self.seconds)
        took = time.monotonic() - begin
        out = {"vmm_cpu_percent": 100 * (sum(map(cpu_seconds, pids)) - before[0]) / took,
               "network_bytes_per_s": (loopback_bytes() - before[1]) / took,
               "vmm_pss_bytes": sum(memory(p)["Pss"] for p in pids),
               "vmm_anon_bytes": sum(memory(p)["Pss_Anon"] for p in pids),
               "processes": len(pids) + (prometheus is not None)}
        if prometheus:
            out |= {"server_cpu_percent": 100 * (cpu_seconds(prometheus.pid) - server) / took,
                    "server_rss_bytes": memory(prometheus.pid)["Rss"]}
        return out

    def group(self, n, *options, store=False):
        vms = []
        for i in range(n):
            own = ["--store", os.path.join(self.scratch, f"store{i}")] if store else []
            vms.append(VM(self, f"vm{i}", *own, *options))
        return vms

    def end(self, vms):
        for vm in vms:
            vm.stop()
        for vm in vms:
            vm.wait()

    def scraped(self, n, interval):
        prometheus = Prometheus(self.scratch, interval)
        vms = self.group(n, "--api", "0")
        try:
            prometheus.targets({vm.name: vm.wait_port() for vm in vms})
            out = self.watch(vms, prometheus)
            out["up"] = sum(float(r["value"][1]) for r in prometheus.query("sum(up)"))
            out["samples"] = prometheus.samples()
            os.sync()
            out["disk_bytes"] = disk(os.path.join(prometheus.dir, "data"))
            out["block_bytes"] = prometheus.snapshot_bytes()
        finally:
            self.end(vms)
            prometheus.close()
        return out

    def part_b(self):
        self.clean()
        prometheus = Prometheus(self.scratch, 15)
        out = {"seconds": self.seconds, "idle_prometheus": self.watch([], prometheus), "runs": []}
        prometheus.close()
        for n in self.args.vms:
            for kind in ("alone", "embedded", "scraped 1 s", "scraped 15 s"):
                self.clean()
                if kind.startswith("scraped"):
                    run = self.scraped(n, int(kind.split()[1]))
                else:
                    vms = self.group(n, store=kind == "embedded")
                    run = self.watch(vms)
                    self.end(vms)
                    os.sync()
                    run["disk_bytes"] = sum(disk(os.path.join(self.scratch, f"store{i}"))
                                            for i in range(n) if kind == "embedded")
                out["runs"].append({"vms": n, "how": kind, **run})
                print(json.dumps(out["runs"][-1]), file=sys.stderr)
        return out

    # ---- C: VMs that live for seconds ----

    def stored_points(self, store):
        """Ticks of a second that the embedded store holds of the VM."""
        text = subprocess.run([self.cli, "query", store, "vmm_uptime_seconds", "--json", "--tier", "0"],
                              capture_output=True, text=True, check=False).stdout
        return sum(len(s["points"]) for s in json.loads(text)["series"]) if text else 0

    def part_c(self):
        """Each VM starts at a random moment of the first minute; its target is there while it lives."""
        self.clean()
        rng = random.Random(104729)
        plan = sorted(((rng.uniform(0, 60), life) for life in self.args.lifetimes
                       for _ in range(self.args.each)))
        prometheus = Prometheus(self.scratch, 15)
        begin, waiting, live, done, listed = time.monotonic(), list(plan), [], [], None
        while waiting or live:
            now = time.monotonic() - begin
            while waiting and waiting[0][0] <= now:
                name = f"vm{len(plan) - len(waiting)}"
                store = os.path.join(self.scratch, name)
                live.append((VM(self, name, "--api", "0", "--store", store), store,
                             now + waiting[0][1], waiting.pop(0)[1]))
            for entry in [e for e in live if e[2] <= now]:
                entry[0].stop()
                live.remove(entry)
                done.append(entry)
            targets = {e[0].name: e[0].port() for e in live if e[0].port()}
            if targets != listed:
                prometheus.targets(targets)
                listed = targets
            time.sleep(0.05)
        for vm, *_ in done:
            vm.wait()
        time.sleep(1)
        seen = {r["metric"]["vm"]: float(r["value"][1])
                for r in prometheus.query("count_over_time(kvm_vmm_uptime_seconds[30m])")}
        prometheus.close()
        out = []
        for life in self.args.lifetimes:
            own = [(self.stored_points(store), seen.get(vm.name, 0))
                   for vm, store, _, lived in done if lived == life]
            out.append({"lifetime_s": life, "vms": len(own),
                        "embedded_mean": statistics.mean(o[0] for o in own),
                        "embedded_none": sum(o[0] == 0 for o in own) / len(own),
                        "prometheus_mean": statistics.mean(o[1] for o in own),
                        "prometheus_none": sum(o[1] == 0 for o in own) / len(own)})
        return out

    # ---- D: the exit rate of a guest that does nothing else ----

    def rate(self, *options):
        report = json.loads(subprocess.run(
            [self.vmm, "--json", "--name", "bound", "--guest", f"pio={self.args.exits}", *options],
            capture_output=True, text=True, check=True).stdout)
        return self.args.exits / report["wall_ns"] * 1e9

    def with_collector(self):
        store = os.path.join(self.scratch, "bpfd")
        shutil.rmtree(store, ignore_errors=True)
        with open(os.path.join(self.scratch, "bpfd.log"), "w+") as log:
            collector = subprocess.Popen([self.bpfd, "--store", store], stdout=log, stderr=log)
            for _ in range(300):
                if "collecting into" in open(log.name).read():
                    break
                if collector.poll() is not None:
                    raise Lack("rondo-bpfd: " + open(log.name).read())
                time.sleep(0.1)
            rate = self.rate()
            collector.terminate()
            collector.wait()
        return rate

    def part_d(self):
        self.clean()
        store = os.path.join(self.scratch, "bound")
        rates = {"plain": [], "recording": [], "collector": []}
        for i in range(self.args.rounds):
            ways = {"plain": self.rate, "recording": lambda: self.rate("--store", store),
                    "collector": self.with_collector}
            for name in sorted(ways, key=lambda _, i=i: random.Random(i).random()):
                rates[name].append(ways[name]())
        out = {"rounds": self.args.rounds, "exits": self.args.exits,
               "plain_per_s": statistics.median(rates["plain"])}
        for name in ("recording", "collector"):
            ratios = [r / p for r, p in zip(rates[name], rates["plain"])]
            out[name] = {"ratio": statistics.median(ratios), "least": min(ratios), "most": max(ratios)}
        return out


def numbers(text):
    return [int(n) for n in text.split(",")]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--build", required=True)
    parser.add_argument("--scratch", required=True)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--vms", type=numbers, default=[10, 50, 100])
    parser.add_argument("--lifetimes", type=numbers, default=[5, 10, 30, 45])
    parser.add_argument("--each", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--exits", type=int, default=49999)
    parser.add_argument("part", nargs="*", default=["b", "c", "d"])
    args = parser.parse_args()
    bench = Bench(args)
    out = {}
    for part in args.part:
        try:
            out[part] = getattr(bench, f"part_{part}")()
        except Lack as lack:
            print(f"bench-vmm: part {part.upper()} was not measured: {lack}", file=sys.stderr)
    shutil.rmtree(bench.scratch, ignore_errors=True)
    json.dump(out, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    if not os.environ.get("RONDO_BENCH_NETNS"):
        os.environ["RONDO_BENCH_NETNS"] = "1"
        os.execvp("unshare", ["unshare", "-n", sys.executable, *sys.argv])
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    main()
