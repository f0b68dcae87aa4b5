import FantailCLI
import Testing

@Suite("The copy of a store, as its node tells of it")
struct BackupTests {
    private func report(_ body: String) throws -> BackupReport {
        BackupReport(try #require(AdminAnswer(Array("HTTP/1.1 200 OK\r\n\r\n\(body)\n".utf8))))
    }

    @Test func itRunsEndsOrFails() throws {
        #expect(try report(#"{"state":"running","left":7,"all":9}"#) == .running(left: "7"))
        #expect(try report(#"{"state":"done","path":"/data/a.db.backup"}"#) == .done(path: "/data/a.db.backup"))
        #expect(try report(#"{"state":"failed","error":"the disk is full"}"#) == .failed("the disk is full"))
    }

    @Test(arguments: ["", "{}", #"{"state":"none"}"#, "Not Found"])
    func whatIsNoReportIsAFailure(body: String) throws {
        #expect(try report(body) == .failed("the copy was given up"))
    }
}
