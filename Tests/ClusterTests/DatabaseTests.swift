import Cluster
import Testing

@Suite("The database of a cluster")
struct DatabaseTests {
    @Test func aURLIsReadAndWrittenDownAgain() throws {
        let url = "postgresql://fantail@db-1:5432,db-2:5432/fantail?sslmode=verify-full"
        let map = try ClusterMap.parse(goodFile + "database \(url)\n")
        #expect(map.database?.description == url)
        #expect(try ClusterMap.parse(map.render()) == map)
        #expect(try ClusterMap.parse(goodFile).database == nil)
    }

    @Test(arguments: [
        "fantail", "mysql://a@b/c", "postgresql://fantail:secret@db/fantail", "postgres://db/fantail?password=secret",
        "postgres://db/fantail?sslmode=require&PASSWORD=secret", "postgresql://" + String(repeating: "a", count: 2_048),
    ])
    func whatIsNoURLOrHasAPasswordIsRefused(word: String) {
        #expect(DatabaseURL(word) == nil)
        #expect(throws: ClusterFileError(line: 19, problem: .database(word))) { try ClusterMap.parse(goodFile + "database \(word)\n") }
    }
}
