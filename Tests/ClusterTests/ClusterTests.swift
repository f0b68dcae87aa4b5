import Cluster
import Primitives
import Ring
import Testing

/// A small file that is right; tests change one thing in it.
let goodFile = """
    # Fantail cluster
    cluster  local            # its name
    epoch    1
    ring     seed=7 load=1.04
    store    archive
    origins  http://127.0.0.1:8080,https://Chat.Example.org
    expiry   12h
    groups   members=64 tries=3
    presence online-ms=9000
    limits   frames=100 connects=0
    # role        name           rpc              admin            [client=addr] [weight=n]
    session       session-2      127.0.0.1:7122   127.0.0.1:7222   weight=3
    gateway       gateway-1      127.0.0.1:7101   127.0.0.1:7201   client=127.0.0.1:8080
    parser        parser-1       127.0.0.1:7111   127.0.0.1:7211
    session       session-1      127.0.0.1:7121   127.0.0.1:7221
    group         group-1        127.0.0.1:7131   127.0.0.1:7231
    last-seen     last-seen-1    127.0.0.1:7141   127.0.0.1:7241
    \tpersistence   persistence-1  Db.Internal:7151 db.internal:7251

    """

/// The good file with one line replaced: the first that begins with `key`.
func file(with line: String, insteadOf key: String) -> String {
    var lines = goodFile.split(separator: "\n", omittingEmptySubsequences: false).map { String($0) }
    let index = lines.firstIndex { $0.hasPrefix(key) }
    lines[index ?? lines.startIndex] = line
    return lines.joined(separator: "\n")
}

@Suite("Reading a cluster file")
struct ClusterFileTests {
    @Test func everythingInTheFileIsInTheMap() throws {
        let map = try ClusterMap.parse(goodFile)
        #expect(map.name == "local")
        #expect(map.epoch == 1)
        #expect(map.storageMode == .archive)
        #expect(map.expirySeconds == 12 * 3_600)
        #expect(map.groupRules == GroupRules(memberCountMax: 64, tryCountMax: 3, retryMs: 250))
        #expect(map.presenceRules == PresenceRules(onlineMs: 9_000))
        #expect(map.limitRules == LimitRules(framesPerSecond: 100, kibPerSecond: 8_192, connectsPerSecond: 0))
        #expect(map.origins == ["http://127.0.0.1:8080", "https://chat.example.org"])
        #expect(map.ringParameters == RingParameters(epoch: 1, seed: 7, loadPermille: 1_040))
        #expect(
            map.nodes.map(\.name) == [
                "gateway-1", "parser-1", "session-1", "session-2", "group-1", "last-seen-1", "persistence-1",
            ])
        #expect(map.nodes.map(\.id) == map.nodes.map { NodeID(name: $0.name) })
        #expect(map.node(named: "gateway-1")?.client == Address("127.0.0.1:8080"))
        #expect(map.node(named: "session-2")?.weight == 3)
        #expect(map.node(named: "persistence-1")?.rpc.host == "db.internal")
        #expect(map.node(named: "nobody") == nil)
        #expect(map.nodes(of: .media) == [])
    }

    @Test func whatIsOptionalHasDefaults() throws {
        let lines = goodFile.split(separator: "\n").filter { line in
            !["ring", "origins", "expiry", "groups", "presence", "limits", "files"].contains { line.hasPrefix($0) }
        }
        let map = try ClusterMap.parse(lines.joined(separator: "\n"))
        #expect(map.ringParameters == RingParameters())
        #expect(map.origins == [])
        #expect(map.expirySeconds == 30 * 86_400)
        #expect(map.groupRules == GroupRules())
        #expect(map.presenceRules == PresenceRules(onlineMs: 30_000))
        #expect(map.limitRules == LimitRules())
        #expect(map.fileRules == FileRules())
    }

    @Test func theOrderOfLinesDoesNotMatter() throws {
        let map = try ClusterMap.parse(goodFile)
        let reversed = goodFile.split(separator: "\n").reversed().joined(separator: "\n")
        let other = try ClusterMap.parse(reversed)
        #expect(other == map)
        #expect(other.ring(of: .session).table.fingerprint == map.ring(of: .session).table.fingerprint)
    }

    @Test func whatIsRenderedReadsBackToTheSameValue() throws {
        for map in [
            try ClusterMap.parse(goodFile), try ClusterMap.local(), try ClusterMap.local(LocalCounts(medias: 2, apis: 1)),
            try ClusterMap.local(hasDevelopmentLogin: true),
        ] {
            let text = map.render()
            let again = try ClusterMap.parse(text)
            #expect(again == map)
            #expect(again.render() == text)
        }
    }

    @Test func renderedFileIsPleasantToRead() throws {
        #expect(
            try ClusterMap.parse(goodFile).render() == """
                # Fantail cluster
                cluster  local
                epoch    1
                store    archive
                ring     seed=7 load=1.04
                origins  http://127.0.0.1:8080,https://chat.example.org
                expiry   12h
                groups   members=64 tries=3 retry-ms=250
                presence online-ms=9000
                limits   frames=100 kib=8192 connects=0
                files    upload=1h link=5m orphan=1d day-mib=1024

                # role       name           rpc               admin             [client=address] [weight=n] [state=draining]
                gateway      gateway-1      127.0.0.1:7101    127.0.0.1:7201    client=127.0.0.1:8080
                parser       parser-1       127.0.0.1:7111    127.0.0.1:7211
                session      session-1      127.0.0.1:7121    127.0.0.1:7221
                session      session-2      127.0.0.1:7122    127.0.0.1:7222    weight=3
                group        group-1        127.0.0.1:7131    127.0.0.1:7231
                last-seen    last-seen-1    127.0.0.1:7141    127.0.0.1:7241
                persistence  persistence-1  db.internal:7151  db.internal:7251

                """)
    }

    private func media(_ words: String) throws -> Node {
        try ClusterMap.parse(goodFile + "\nmedia media-1 127.0.0.1:7161 127.0.0.1:7261 \(words)\n").node(named: "media-1")!
    }

    @Test(arguments: [
        ("http://files.example.org", "http://files.example.org"), ("https://Files.Example.org:8443/", "https://files.example.org:8443"),
        ("HTTPS://10.0.0.1/a/B_c~d.e-f/", "https://10.0.0.1/a/B_c~d.e-f"),
    ])
    func linksMayBeginWithAnotherAddress(text: String, url: String) throws {
        #expect(try media("client=127.0.0.1:8082 public=\(text)").publicURL?.description == url)
        #expect(PublicURL(url)?.description == url)
    }

    @Test func aBrowserComparesTheOriginOnly() {
        #expect(PublicURL("https://Files.example.org:8443/a/b")?.origin == "https://files.example.org:8443")
        #expect(PublicURL("http://10.0.0.1")?.origin == "http://10.0.0.1")
    }

    @Test(arguments: [
        "files.example.org", "ftp://a", "http://", "http:///a", "http://a?b", "http://a/b?c", "http://a/#b", "http://a//b", "http://a/../b",
        "http://a/.", "http://u@a", "http://a:0", "http://a:b", "http://a/%2e", "http://a/\"", "http://[::1]", "http://a/\(String(repeating: "b", count: 400))",
    ])
    func butNotWithAnything(text: String) {
        #expect(throws: ClusterFileError.self) { try media("client=127.0.0.1:8082 public=\(text)") }
    }

    @Test func filesMayBeInABucket() throws {
        let place = try media("client=127.0.0.1:8082 store=s3:http://store.internal:9000/fantail-files region=eu-central-1").objectStore
        #expect(place?.address == Address("store.internal:9000")!)
        #expect(place?.bucket == "fantail-files" && place?.region == "eu-central-1")
        #expect(try media("client=a:1 store=s3:http://store/abc").objectStore?.description == "s3:http://store:80/abc")
        for text in [
            "s3:https://store:9000/abc", "http://store:9000/abc", "s3:http://store:9000", "s3:http://store:9000/ab", "s3:http://store:9000/a/b",
            "s3:http://store:9000/Abc", "s3:http://store:9000/abc region=Middle_Earth", "folder",
        ] {
            #expect(throws: ClusterFileError.self) { try media("client=127.0.0.1:8082 store=\(text)") }
        }
        #expect(throws: ClusterFileError(line: nil, problem: .regionWithoutStore("x")).problem) {
            do { _ = try media("client=127.0.0.1:8082 region=x") } catch let error as ClusterFileError { throw error.problem }
        }
    }

    @Test func settingsOfMediaReadBack() throws {
        let text = goodFile + "\nfiles upload=10s link=2s orphan=90m day-mib=100\n"
            + "media media-1 a:1 a:2 client=a:3 public=https://b/c store=s3:http://d:4/eee region=f-1\n"
        let map = try ClusterMap.parse(text)
        #expect(map.fileRules == FileRules(uploadSeconds: 10, linkSeconds: 2, orphanSeconds: 5_400, dayMiB: 100))
        #expect(try ClusterMap.parse(map.render()) == map)
        for wrong in ["upload=0s", "link=31d", "orphan=x", "day-mib=99", "colour=1s", "link=5"] {
            #expect(throws: ClusterFileError.self) { try ClusterMap.parse(goodFile + "\nfiles \(wrong)\n") }
        }
    }

    @Test(arguments: [
        ("", TLSRules(), "http"), ("tls clients=on", TLSRules(clients: true), "https"), ("tls peers=on clients=off", TLSRules(peers: true), "http"),
        ("tls clients=on peers=on", TLSRules(clients: true, peers: true), "https"),
    ])
    func whoSpeaksTLSReadsBack(line: String, rules: TLSRules, scheme: String) throws {
        let map = try ClusterMap.parse(goodFile + "\n" + line)
        #expect(map.tlsRules == rules)
        #expect(try ClusterMap.parse(map.render()) == map)
        #expect(map.clientOrigin(Address("a:1")!) == "\(scheme)://a:1")
    }

    @Test func cutAnywhereTheFileGivesAnErrorOrAMapButNeverACrash() throws {
        let bytes = Array(goodFile.utf8)
        for length in 0..<bytes.count {
            // Without the line of persistence the file is never whole.
            if length < bytes.count - 60 {
                #expect(throws: ClusterFileError.self) { try ClusterMap.parse(Array(bytes[..<length])) }
            } else {
                _ = try? ClusterMap.parse(Array(bytes[..<length]))
            }
        }
        #expect(try ClusterMap.parse(bytes) == ClusterMap.parse(goodFile))
    }

    @Test func anyByteChangedGivesAnErrorOrAMapThatRendersBack() throws {
        let bytes = Array(goodFile.utf8)
        for index in stride(from: 30, to: bytes.count, by: 37) {
            for byte: UInt8 in [0, 10, 32, 35, 45, 48, 61, 255] {
                var changed = bytes
                changed[index] = byte
                guard let map = try? ClusterMap.parse(changed) else { continue }
                #expect(try ClusterMap.parse(map.render()) == map)
            }
        }
    }
}

@Suite("Mistakes in a cluster file")
struct ClusterMistakeTests {
    /// Which line to replace, by what, and the problem that must be found there.
    static let mistakes: [(insteadOf: String, line: String, problem: ClusterProblem)] = [
        ("cluster", "cluster", .wordCount(key: "cluster", expected: "cluster NAME")),
        ("cluster", "cluster Local", .clusterName("Local")),
        ("cluster", "cluster a-name-that-is-longer-than-32-byt", .clusterName("a-name-that-is-longer-than-32-byt")),
        ("epoch", "epoch 0", .epoch("0")),
        ("epoch", "epoch 01", .epoch("01")),
        ("epoch", "epoch 4294967296", .epoch("4294967296")),
        ("epoch", "cluster again", .keyTwice("cluster")),
        ("ring", "ring virtual-nodes=160", .setting(word: "virtual-nodes=160", expected: "seed= or load=")),
        ("ring", "ring seed=1 seed=1", .settingTwice("seed")),
        ("ring", "ring seed=18446744073709551616", .seed("18446744073709551616")),
        ("ring", "ring load=1", .load("1")),
        ("ring", "ring load=2.001", .load("2.001")),
        ("ring", "ring load=1.0500", .load("1.0500")),
        ("ring", "ring load=1.", .load("1.")),
        ("store", "store forever", .store("forever")),
        ("origins", "origins https://a.example/", .origin("https://a.example/")),
        ("origins", "origins https://a.example,", .origin("")),
        ("origins", "origins ftp://a.example", .origin("ftp://a.example")),
        ("epoch", "tls", .wordCount(key: "tls", expected: "tls clients=on peers=on")),
        ("epoch", "tls clients=yes", .tls("clients=yes")),
        ("epoch", "tls gateways=on", .setting(word: "gateways=on", expected: "clients= or peers=")),
        ("epoch", "login", .wordCount(key: "login", expected: "login development")),
        ("epoch", "login production", .login("production")),
        ("expiry", "expiry 30", .expiry("30")),
        ("expiry", "expiry 59s", .expiry("59s")),
        ("expiry", "expiry 3651d", .expiry("315446400s")),
        ("expiry", "expiry 99999999999999999999d", .expiry("99999999999999999999d")),
        ("limits", "limits frames=1000001", .limits("frames=1000001")),
        ("limits", "limits kib=399", .limits("kib=399")),
        ("limits", "limits connects=-1", .limits("connects=-1")),
        ("limits", "limits bytes=5", .setting(word: "bytes=5", expected: "frames= or kib= or connects=")),
        ("parser", "pasrer parser-1 a:1 a:2", .unknownKey("pasrer")),
        (
            "parser", "parser parser-1 a:1",
            .wordCount(key: "parser", expected: "parser NAME RPC-ADDRESS ADMIN-ADDRESS state=draining")
        ),
        ("parser", "parser Parser a:1 a:2", .nodeName("Parser")),
        ("parser", "parser -p a:1 a:2", .nodeName("-p")),
        ("parser", "parser session-2 a:1 a:2", .nodeTwice("session-2")),
        ("parser", "parser parser-1 a a:2", .address("a")),
        ("parser", "parser parser-1 a:0 a:2", .address("a:0")),
        ("parser", "parser parser-1 a:65536 a:2", .address("a:65536")),
        ("parser", "parser parser-1 1.2.3:5 a:2", .address("1.2.3:5")),
        ("parser", "parser parser-1 1.2.3.256:5 a:2", .address("1.2.3.256:5")),
        ("parser", "parser parser-1 a_b:5 a:2", .address("a_b:5")),
        ("parser", "parser parser-1 a:5 a:5", .portTwice(Address("a:5")!, usedBy: "parser-1")),
        (
            "parser", "parser parser-1 localhost:8080 a:5",
            .portTwice(Address("localhost:8080")!, usedBy: "gateway-1")
        ),
        ("parser", "parser parser-1 a:5 a:6 client=a:7", .clientNotAllowed(.parser)),
        ("parser", "parser parser-1 a:5 a:6 public=http://a", .onlyMedia("public=", .parser)),
        ("parser", "parser parser-1 a:5 a:6 store=s3:http://a/bcd", .onlyMedia("store=", .parser)),
        ("parser", "media media-1 a:5 a:6 public=http://a", .clientMissing(node: "media-1")),
        ("parser", "parser parser-1 a:5 a:6 weight=2", .weightWithoutRing(.parser)),
        ("gateway", "gateway gateway-1 a:5 a:6", .clientMissing(node: "gateway-1")),
        ("session-1", "session session-1 a:5 a:6 weight=0", .weight("0")),
        ("session-1", "session session-1 a:5 a:6 weight=101", .weight("101")),
        (
            "session-1", "session session-1 a:5 a:6 colour=red",
            .setting(word: "colour=red", expected: "client= or public= or store= or region= or weight= or state=")
        ),
        ("parser", "parser parser-1 a:5 a:6 \u{7}", .controlCharacter(byte: 7)),
        ("epoch", "epoch 1\r", .controlCharacter(byte: 13)),
        ("parser", "parser pärser-1 a:5 a:6", .notASCII),
        ("store", "# " + String(repeating: "x", count: 4_095), .lineTooLong(bytes: 4_097)),
    ]

    @Test(arguments: mistakes)
    func isReportedWithItsLineAndARemedy(insteadOf key: String, line: String, problem: ClusterProblem) throws {
        let original = goodFile.split(separator: "\n", omittingEmptySubsequences: false).map { String($0) }
        // The line is put at the end, where all other lines have been read.
        let place = original.firstIndex { $0.hasPrefix(key) || $0.contains(key + " ") }
        var lines = original
        lines.remove(at: try #require(place))
        lines.removeLast()
        lines.append(line)
        let error = try #require(throws: ClusterFileError.self) {
            try ClusterMap.parse(lines.joined(separator: "\n"))
        }
        #expect(error == ClusterFileError(line: lines.count, problem: problem))
        #expect(error.description.hasPrefix("cluster file, line \(lines.count): "))
    }

    @Test(arguments: ["cluster", "epoch", "store"]) func aLineThatIsMissingIsNamed(key: String) {
        #expect(throws: ClusterFileError(line: nil, problem: .keyMissing(key))) {
            try ClusterMap.parse(file(with: "", insteadOf: key))
        }
    }

    @Test func aRoleWithoutANodeIsNamed() {
        #expect(throws: ClusterFileError(line: nil, problem: .roleMissing(.parser))) {
            try ClusterMap.parse(file(with: "", insteadOf: "parser"))
        }
        #expect(throws: ClusterFileError(line: nil, problem: .keyMissing("cluster"))) { try ClusterMap.parse("") }
    }

    @Test func nobodyIsSignedInByNameUnlessTheFileSaysSo() throws {
        #expect(try !ClusterMap.parse(goodFile).hasDevelopmentLogin)
        #expect(try ClusterMap.parse(goodFile + "\nlogin development").hasDevelopmentLogin)
    }

    @Test func allAddressesOfOneMachineAreNotThoseOfAnother() throws {
        let gateways = """

            gateway gateway-7 box-7:7101 box-7:7201 client=0.0.0.0:8080
            gateway gateway-8 box-8:7101 box-8:7201 client=0.0.0.0:8080
            """
        #expect(try ClusterMap.parse(goodFile + gateways).nodes(of: .gateway).count >= 3)
        let taken = "\ngateway gateway-9 box-8:7102 box-8:7202 client=box-8:8080"
        let error = #expect(throws: ClusterFileError.self) { try ClusterMap.parse(goodFile + gateways + taken) }
        #expect(error?.problem == .portTwice(Address("box-8:8080")!, usedBy: "gateway-8"))
    }

    @Test func aLogInForDevelopmentIsForThisMachineOnly() throws {
        for client in ["127.0.0.1:8080", "127.1.2.3:8080", "localhost:8080"] {
            let file = file(with: "gateway gateway-1 127.0.0.1:7101 127.0.0.1:7201 client=\(client)", insteadOf: "gateway")
            #expect(try ClusterMap.parse(file + "\nlogin development").hasDevelopmentLogin)
        }
        for client in ["0.0.0.0:8080", "10.0.0.1:8080", "gw.example.org:8080", "127.example.org:8080", "128.0.0.1:8080"] {
            let file = file(with: "gateway gateway-1 127.0.0.1:7101 127.0.0.1:7201 client=\(client)", insteadOf: "gateway")
            #expect(throws: Never.self) { try ClusterMap.parse(file) }
            #expect(throws: ClusterFileError(line: nil, problem: .loginNotLocal(node: "gateway-1"))) {
                try ClusterMap.parse(file + "\nlogin development")
            }
        }
    }

    @Test func commentsMayHoldAnyText() throws {
        let commented = file(with: "epoch 1 # žluťoučký kůň", insteadOf: "epoch")
        #expect(try ClusterMap.parse(commented) == ClusterMap.parse(goodFile))
    }

    @Test func aFileOfMoreThanAMebibyteIsRefusedUnread() {
        let bytes = [UInt8](repeating: 10, count: 1_048_577)
        #expect(throws: ClusterFileError(line: nil, problem: .fileTooLarge(bytes: 1_048_577))) {
            try ClusterMap.parse(bytes)
        }
        #expect(throws: ClusterFileError(line: nil, problem: .keyMissing("cluster"))) {
            try ClusterMap.parse(Array(bytes.dropLast()))
        }
    }

    @Test func aThousandNodesAreReadAndOneMoreIsNot() throws {
        let more = (0..<993).map {
            "parser p-\($0) 10.0.\($0 / 200).\($0 % 200):7000 10.0.\($0 / 200).\($0 % 200):7001"
        }
        let full = goodFile + more.joined(separator: "\n")
        #expect(try ClusterMap.parse(full).nodes.count == 1_000)
        let lineCount = full.split(separator: "\n", omittingEmptySubsequences: false).count
        #expect(throws: ClusterFileError(line: lineCount + 1, problem: .tooManyNodes)) {
            try ClusterMap.parse(full + "\nparser one-more b:1 b:2")
        }
    }

    @Test func everyProblemEndsWithWhatToDo() {
        for mistake in ClusterMistakeTests.mistakes {
            let text = mistake.problem.description
            #expect(text.utf8.count > 20)
            #expect(!text.contains("\n"))
        }
    }
}
