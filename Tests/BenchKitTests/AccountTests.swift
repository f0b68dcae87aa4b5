import BenchKit
import Testing

@Suite("What processes used")
struct AccountTests {
    @Test func readsWhatTheKernelWrites() {
        let stat = "1234 (a (nasty) name) S 1 1234 1234 0 -1 4194560 20 0 0 0 250 130 0 0 20 0 1 0 987654 1000 200"
        let reading = ProcessReading(pid: 1234, stat: Array(stat.utf8))
        #expect(reading == ProcessReading(pid: 1234, startTicks: 987_654, cpuTicks: 380))
        #expect(ProcessReading(pid: 1, stat: Array("nonsense".utf8)) == nil)
        #expect(ProcessReading(pid: 1, stat: Array("1 (x) S 1 2".utf8)) == nil)
    }

    @Test func aServiceThatIsStartedAgainGoesOnInTheSameAccount() {
        var account = ProcessAccount(nodeCount: 2)
        #expect(!account.knows(0))
        account.saw(0, ProcessReading(pid: 10, startTicks: 100, cpuTicks: 50))
        #expect(account.cpuTicks == [0, 0])
        account.saw(0, ProcessReading(pid: 10, startTicks: 100, cpuTicks: 70))
        #expect(account.cpuTicks == [20, 0])
        account.saw(0, ProcessReading(pid: 11, startTicks: 300, cpuTicks: 5))
        #expect(account.cpuTicks == [25, 0])
        // The same pid, and yet another process.
        account.saw(0, ProcessReading(pid: 11, startTicks: 900, cpuTicks: 3))
        #expect(account.cpuTicks == [28, 0])
        #expect(account.restartCount == 2)
        #expect(account.knows(0) && !account.knows(1))
    }

    @Test func readsPrivateMemory() {
        let text = "00400000-7fff [rollup]\nRss:    9000 kB\nPrivate_Clean:   100 kB\nPrivate_Dirty:   2000 kB\nShared_Clean: 5 kB\n"
        #expect(MemoryReading.privateBytes(smapsRollup: Array(text.utf8)) == 2_100 * 1024)
        #expect(MemoryReading.privateBytes(smapsRollup: Array("nonsense".utf8)) == nil)
    }

    private func page(_ value: Int) -> [UInt8] {
        Array("HTTP/1.1 200 OK\r\n\r\n# HELP x\n\(StoreAccount.counterName) \(value)\n".utf8)
    }

    @Test func syncsAreSummedOverNodesAndRestarts() {
        var account = StoreAccount(nodeCount: 2)
        account.ask()
        #expect(account.answered(0, page(100), acked: 1) == nil)
        #expect(account.answered(1, page(1_000), acked: 2) == .init(syncs: 0, acked: 2))
        account.ask()
        #expect(account.answered(1, page(1_010), acked: 3) == nil)
        #expect(account.answered(0, page(105), acked: 4) == .init(syncs: 15, acked: 4))
        // One is away, the other was started again and counts from zero.
        account.ask()
        #expect(account.isAsking)
        #expect(account.answered(0, [], acked: 5) == nil)
        #expect(account.answered(1, page(7), acked: 6) == .init(syncs: 22, acked: 6))
        #expect(!account.isAsking)
    }

    @Test func aStoreThatNeverAnsweredGivesNoReading() {
        var account = StoreAccount(nodeCount: 1)
        account.ask()
        #expect(account.answered(0, [], acked: 0) == nil)
        #expect(!account.isAsking)
    }
}
