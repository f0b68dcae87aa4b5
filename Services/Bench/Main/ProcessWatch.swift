// What the cluster's processes use, read from /proc: CPU time over the run, memory at its end.

import BenchKit
import Cluster
import Glibc
import ServiceKit

struct ProcessWatch {
    private let home: ClusterHome
    private(set) var account: ProcessAccount
    /// Clock ticks in a second.
    static let ticksPerSecond = Int64(sysconf(Int32(_SC_CLK_TCK)))

    init(_ home: ClusterHome) {
        self.home = home
        account = ProcessAccount(nodeCount: home.map.nodes.count)
    }

    /// Looks at every process. A new pid in a pid file is a service that was started again.
    mutating func look() {
        for (index, node) in home.map.nodes.enumerated() {
            guard let pid = home.pid(of: node), let stat = ClusterHome.read("/proc/\(pid)/stat"),
                let reading = ProcessReading(pid: pid, stat: stat)
            else { continue }
            account.saw(index, reading)
        }
    }

    /// CPU time by node since the first look, microseconds; nil for a node whose process was never seen.
    var cpuUs: [Int64?] {
        account.cpuTicks.enumerated().map { account.knows($0) ? Int64($1) * 1_000_000 / Self.ticksPerSecond : nil }
    }

    /// What is in memory of each process, by node; cheap, the kernel keeps count.
    func resident() -> [ResidentMemory?] {
        home.map.nodes.map { node in
            guard let pid = home.pid(of: node), let text = ClusterHome.read("/proc/\(pid)/status") else { return nil }
            return ResidentMemory(status: text)
        }
    }

    /// Ends a process at once, as a power cut would.
    func kill(_ node: Node) {
        if let pid = home.pid(of: node) { Glibc.kill(pid_t(pid), SIGKILL) }
    }

    func killAll() { for node in home.map.nodes { kill(node) } }

    /// Memory that a process has for itself, by node, bytes; nil for one that is not there.
    /// Walks the page tables of each process: not while something is measured.
    func privateBytes() -> [Int?] {
        home.map.nodes.map { node in
            guard let pid = home.pid(of: node), let text = ClusterHome.read("/proc/\(pid)/smaps_rollup") else { return nil }
            return MemoryReading.privateBytes(smapsRollup: text)
        }
    }
}
