// What the cluster's processes use, read from /proc: CPU time over the run, memory at its end.

import BenchKit
import Cluster
import Glibc
import ServiceKit

struct ProcessWatch {
    private let home: ClusterHome
    private(set) var account: ProcessAccount
    /// Clock ticks in a second.
    private let ticksPerSecond = Int64(sysconf(Int32(_SC_CLK_TCK)))

    init(_ home: ClusterHome) {
        self.home = home
        account = ProcessAccount(nodeCount: home.map.nodes.count)
    }

    /// Looks at every process. A new pid in a pid file is a service that was started again.
    mutating func look() {
        for (index, node) in home.map.nodes.enumerated() {
            guard let pid = home.pid(of: node), let stat = ClusterHome.read("/proc/\(pid)/stat") else { continue }
            account.saw(index, ProcessReading(pid: pid, stat: stat))
        }
    }

    /// CPU time by node since the first look, microseconds.
    var cpuUs: [Int64] { account.cpuTicks.map { Int64($0) * 1_000_000 / ticksPerSecond } }

    /// Memory that a process has for itself, by node, bytes; 0 for one that is not there.
    /// Walks the page tables of each process: not while something is measured.
    func privateBytes() -> [Int] {
        home.map.nodes.map { node in
            guard let pid = home.pid(of: node), let text = ClusterHome.read("/proc/\(pid)/smaps_rollup") else { return 0 }
            var kibibytes = 0
            for line in text.split(separator: 0x0A) {
                let words = line.split(separator: 0x20)
                guard words.count >= 2 else { continue }
                let name = String(decoding: words[0], as: UTF8.self)
                if name == "Private_Clean:" || name == "Private_Dirty:" {
                    kibibytes += Int(String(decoding: words[1], as: UTF8.self)) ?? 0
                }
            }
            return kibibytes * 1024
        }
    }

    /// Nodes whose process is there.
    var runningCount: Int {
        home.map.nodes.count { node in home.pid(of: node).map { ClusterHome.read("/proc/\($0)/stat") != nil } ?? false }
    }
}
