// The cluster file: text in, a checked cluster or one clear error out.
//
//     # Fantail cluster
//     cluster  local              # name: 1 to 32 of a-z, 0-9 and -
//     epoch    1                  # counts up with every change
//     store    temporary          # or: archive
//     ring     seed=7 load=1.05   # optional; these default to 0 and 1.05
//     origins  https://chat.example.org,http://localhost:8080   # optional: web pages that may connect
//     expiry   30d                # optional: how long a message is kept that nobody fetches; s, m, h or d
//     groups   members=1024 tries=5 retry-ms=250   # optional; these are the defaults
//     presence online-ms=30000                     # likewise
//     limits   frames=5000 kib=8192 connects=5000  # likewise; 0 is no limit
//     files    upload=1h link=5m orphan=24h day-mib=1024   # likewise: media
//     tls      clients=on peers=on                 # likewise: TLS with clients, TLS between services; off by default
//     webhooks https://shop.example.org/fantail events=offline,read tries=12 retry-ms=1000   # optional: who is told
//     database postgresql://fantail@db-1,db-2/fantail   # optional: where messages are kept; default: a file for each persistence node
//     login    development        # optional: gateways mint tokens for anybody at this machine
//
//     # role     name         rpc             admin           [client=address] [public=url] [store=s3:url] [region=name] [weight=n] [state=draining]
//     gateway    gateway-1    127.0.0.1:7101  127.0.0.1:7201  client=127.0.0.1:8080
//     parser     parser-1     127.0.0.1:7111  127.0.0.1:7211
//     session    session-1    127.0.0.1:7121  127.0.0.1:7221  weight=2
//
// A line is a key and its words, separated by blanks; the order of lines does not matter. A comment begins with # at
// the beginning of a word. The file is read by people in a hurry and written by scripts, so nothing is guessed: an
// unknown key, a setting given twice or a number out of range stops the reading, with the line and the remedy.

import Ring

extension ClusterMap {
    /// Reads a cluster file.
    /// - Parameter text: at most `ClusterLimits.fileBytesMax` bytes.
    /// - Throws: the first problem in the file, with its line.
    /// - Complexity: O(text), and a few milliseconds for the rings.
    public static func parse(_ text: String) throws(ClusterFileError) -> ClusterMap {
        try parse(Array(text.utf8))
    }

    /// Reads a cluster file from its bytes; see `parse(_:)` for text.
    public static func parse(_ bytes: [UInt8]) throws(ClusterFileError) -> ClusterMap {
        guard bytes.count <= ClusterLimits.fileBytesMax else {
            throw ClusterFileError(line: nil, problem: .fileTooLarge(bytes: bytes.count))
        }
        var reader = ClusterFileReader()
        var number = 0
        for line in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            number += 1
            do {
                try reader.read(line)
            } catch {
                throw ClusterFileError(line: number, problem: error)
            }
        }
        do {
            return try reader.finish()
        } catch {
            throw ClusterFileError(line: nil, problem: error)
        }
    }
}

/// What is known after some lines.
private struct ClusterFileReader {
    private var name: String?
    private var epoch: UInt32?
    private var storageMode: StorageMode?
    private var ringParameters: RingParameters?
    private var origins: [String]?
    private var expirySeconds: Int?
    private var groupRules: GroupRules?
    private var presenceRules: PresenceRules?
    private var limitRules: LimitRules?
    private var fileRules: FileRules?
    private var tlsRules: TLSRules?
    private var hasDevelopmentLogin: Bool?
    private var database: DatabaseURL?
    private var webhooks: WebhookRules?
    private var nodes: [NodeLine] = []
    private var nodeCheck = NodeCheck()

    mutating func read(_ line: ArraySlice<UInt8>) throws(ClusterProblem) {
        var words = try words(in: line)
        guard !words.isEmpty else { return }
        let key = words.removeFirst()
        switch key {
        case "cluster": try once(key, &name, readName(words))
        case "epoch": try once(key, &epoch, readEpoch(words))
        case "store": try once(key, &storageMode, readStore(words))
        case "ring": try once(key, &ringParameters, readRing(words))
        case "origins": try once(key, &origins, readOrigins(words))
        case "expiry": try once(key, &expirySeconds, readExpiry(words))
        case "groups": try once(key, &groupRules, readGroups(words))
        case "presence": try once(key, &presenceRules, readPresence(words))
        case "limits": try once(key, &limitRules, readLimits(words))
        case "files": try once(key, &fileRules, readFiles(words))
        case "tls": try once(key, &tlsRules, readTLS(words))
        case "database": try once(key, &database, readDatabase(words))
        case "webhooks": try once(key, &webhooks, readWebhooks(words))
        case "login": try once(key, &hasDevelopmentLogin, readLogin(words))
        default:
            guard let role = Role(name: key) else { throw .unknownKey(key) }
            let node = try readNode(role, words)
            try nodeCheck.add(node)
            nodes.append(node)
        }
    }

    func finish() throws(ClusterProblem) -> ClusterMap {
        guard let name else { throw .keyMissing("cluster") }
        guard let epoch else { throw .keyMissing("epoch") }
        guard let storageMode else { throw .keyMissing("store") }
        return try ClusterMap(
            name: name, epoch: epoch, ringParameters: ringParameters ?? RingParameters(), storageMode: storageMode,
            expirySeconds: expirySeconds ?? ClusterLimits.expirySecondsDefault, origins: origins ?? [],
            groupRules: groupRules ?? GroupRules(), presenceRules: presenceRules ?? PresenceRules(),
            limitRules: limitRules ?? LimitRules(), fileRules: fileRules ?? FileRules(),
            tlsRules: tlsRules ?? TLSRules(), hasDevelopmentLogin: hasDevelopmentLogin ?? false, database: database, webhooks: webhooks, nodes: nodes)
    }

    /// The words before the comment; refuses bytes that an editor would not show.
    private func words(in line: ArraySlice<UInt8>) throws(ClusterProblem) -> [String] {
        guard line.count <= ClusterLimits.lineBytesMax else { throw .lineTooLong(bytes: line.count) }
        let blank = UInt8(ascii: " ")
        let tab = UInt8(ascii: "\t")
        for byte in line where (byte < blank && byte != tab) || byte == 0x7f { throw .controlCharacter(byte: byte) }
        var words: [String] = []
        for word in line.split(whereSeparator: { $0 == blank || $0 == tab }) {
            if word.first == UInt8(ascii: "#") { break }
            guard word.allSatisfy({ $0 < 0x80 }) else { throw .notASCII }
            words.append(String(decoding: word, as: UTF8.self))
        }
        return words
    }

    private func once<Value>(_ key: String, _ slot: inout Value?, _ value: Value) throws(ClusterProblem) {
        guard slot == nil else { throw .keyTwice(key) }
        slot = value
    }

    private func only(_ words: [String], _ expected: String, of key: String) throws(ClusterProblem) -> String {
        guard words.count == 1 else { throw .wordCount(key: key, expected: expected) }
        return words[0]
    }

    private func readName(_ words: [String]) throws(ClusterProblem) -> String {
        let word = try only(words, "cluster NAME", of: "cluster")
        try ClusterCheck.name(word)
        return word
    }

    private func readEpoch(_ words: [String]) throws(ClusterProblem) -> UInt32 {
        let word = try only(words, "epoch NUMBER", of: "epoch")
        guard let epoch = Ascii.decimal(word.utf8, max: UInt64(UInt32.max)) else { throw .epoch(word) }
        try ClusterCheck.epoch(UInt32(epoch))
        return UInt32(epoch)
    }

    private func readStore(_ words: [String]) throws(ClusterProblem) -> StorageMode {
        let word = try only(words, "store MODE", of: "store")
        guard let mode = StorageMode(rawValue: word) else { throw .store(word) }
        return mode
    }

    private func readRing(_ words: [String]) throws(ClusterProblem) -> RingParameters {
        var settings = try Settings(words, known: ["seed", "load"], of: "ring")
        var parameters = RingParameters()
        if let word = settings.take("seed") {
            guard let seed = Ascii.decimal(word.utf8, max: .max) else { throw .seed(word) }
            parameters.seed = seed
        }
        if let word = settings.take("load") {
            guard let permille = LoadText.permille(word) else { throw .load(word) }
            parameters.loadPermille = permille
        }
        return parameters
    }

    private func readOrigins(_ words: [String]) throws(ClusterProblem) -> [String] {
        let word = try only(words, "origins ORIGIN,ORIGIN", of: "origins")
        let origins = word.split(separator: ",", omittingEmptySubsequences: false).map { String($0) }
        try ClusterCheck.origins(origins)
        return origins
    }

    private func readExpiry(_ words: [String]) throws(ClusterProblem) -> Int {
        let word = try only(words, "expiry TIME", of: "expiry")
        guard let seconds = DurationText.seconds(word) else { throw .expiry(word) }
        try ClusterCheck.expiry(seconds)
        return seconds
    }

    private func readGroups(_ words: [String]) throws(ClusterProblem) -> GroupRules {
        var settings = try Settings(words, known: ["members", "tries", "retry-ms"], of: "groups")
        var rules = GroupRules()
        func number(_ name: String, _ value: inout Int) throws(ClusterProblem) {
            guard let word = settings.take(name) else { return }
            guard let number = Ascii.decimal(word.utf8, max: UInt64(Int32.max)) else { throw .groups("\(name)=\(word)") }
            value = Int(number)
        }
        try number("members", &rules.memberCountMax)
        try number("tries", &rules.tryCountMax)
        try number("retry-ms", &rules.retryMs)
        try ClusterCheck.groups(rules)
        return rules
    }

    private func readPresence(_ words: [String]) throws(ClusterProblem) -> PresenceRules {
        var settings = try Settings(words, known: ["online-ms"], of: "presence")
        var rules = PresenceRules()
        if let word = settings.take("online-ms") {
            guard let number = Ascii.decimal(word.utf8, max: UInt64(Int32.max)) else { throw .presence("online-ms=\(word)") }
            rules.onlineMs = Int(number)
        }
        try ClusterCheck.presence(rules)
        return rules
    }

    private func readFiles(_ words: [String]) throws(ClusterProblem) -> FileRules {
        var settings = try Settings(words, known: ["upload", "link", "orphan", "day-mib"], of: "files")
        var rules = FileRules()
        func time(_ name: String, _ value: inout Int) throws(ClusterProblem) {
            guard let word = settings.take(name) else { return }
            guard let seconds = DurationText.seconds(word) else { throw .files("\(name)=\(word)") }
            value = seconds
        }
        try time("upload", &rules.uploadSeconds)
        try time("link", &rules.linkSeconds)
        try time("orphan", &rules.orphanSeconds)
        if let word = settings.take("day-mib") {
            guard let number = Ascii.decimal(word.utf8, max: UInt64(Int32.max)) else { throw .files("day-mib=\(word)") }
            rules.dayMiB = Int(number)
        }
        try ClusterCheck.files(rules)
        return rules
    }

    private func readTLS(_ words: [String]) throws(ClusterProblem) -> TLSRules {
        guard !words.isEmpty else { throw .wordCount(key: "tls", expected: "tls clients=on peers=on") }
        var settings = try Settings(words, known: ["clients", "peers"], of: "tls")
        func isOn(_ name: String) throws(ClusterProblem) -> Bool {
            switch settings.take(name) {
            case nil, "off": return false
            case "on": return true
            case .some(let word): throw .tls("\(name)=\(word)")
            }
        }
        return TLSRules(clients: try isOn("clients"), peers: try isOn("peers"))
    }

    private func readDatabase(_ words: [String]) throws(ClusterProblem) -> DatabaseURL {
        let word = try only(words, "database URL", of: "database")
        guard let url = DatabaseURL(word) else { throw .database(word) }
        return url
    }

    private func readWebhooks(_ words: [String]) throws(ClusterProblem) -> WebhookRules {
        guard let first = words.first else { throw .wordCount(key: "webhooks", expected: "webhooks URL events=NAME,NAME tries=N retry-ms=N") }
        guard let url = WebhookURL(first) else { throw .webhooks(first) }
        var rules = WebhookRules(url: url)
        var settings = try Settings(Array(words.dropFirst()), known: ["events", "tries", "retry-ms"], of: "webhooks")
        if let word = settings.take("events") {
            let kinds = word.split(separator: ",", omittingEmptySubsequences: false).map { WebhookKind(rawValue: String($0)) }
            guard !kinds.contains(nil) else { throw .webhooks("events=\(word)") }
            rules.kinds = Set(kinds.compactMap { $0 })
        }
        func number(_ name: String, _ value: inout Int) throws(ClusterProblem) {
            guard let word = settings.take(name) else { return }
            guard let number = Ascii.decimal(word.utf8, max: UInt64(Int32.max)) else { throw .webhooks("\(name)=\(word)") }
            value = Int(number)
        }
        try number("tries", &rules.tryCountMax)
        try number("retry-ms", &rules.retryMs)
        return rules
    }

    private func readLogin(_ words: [String]) throws(ClusterProblem) -> Bool {
        let word = try only(words, "login development", of: "login")
        guard word == "development" else { throw .login(word) }
        return true
    }

    private func readLimits(_ words: [String]) throws(ClusterProblem) -> LimitRules {
        var settings = try Settings(words, known: ["frames", "kib", "connects"], of: "limits")
        var rules = LimitRules()
        func number(_ name: String, _ value: inout Int) throws(ClusterProblem) {
            guard let word = settings.take(name) else { return }
            guard let number = Ascii.decimal(word.utf8, max: UInt64(Int32.max)) else { throw .limits("\(name)=\(word)") }
            value = Int(number)
        }
        try number("frames", &rules.framesPerSecond)
        try number("kib", &rules.kibPerSecond)
        try number("connects", &rules.connectsPerSecond)
        try ClusterCheck.limits(rules)
        return rules
    }

    private func readNode(_ role: Role, _ words: [String]) throws(ClusterProblem) -> NodeLine {
        guard words.count >= 3 else {
            throw .wordCount(
                key: role.name,
                expected: "\(role.name) NAME RPC-ADDRESS ADMIN-ADDRESS"
                    + (role.servesClients ? " client=ADDRESS" : "") + (role == .media ? " public=URL store=s3:URL region=NAME" : "") + (role.hasRing ? " weight=N" : "") + (role.mayDrain ? " state=draining" : ""))
        }
        var settings = try Settings(Array(words[3...]), known: ["client", "public", "store", "region", "weight", "state"], of: role.name)
        var node = NodeLine(role: role, name: words[0], rpc: try address(words[1]), admin: try address(words[2]))
        if let word = settings.take("client") { node.client = try address(word) }
        if let word = settings.take("public") {
            guard let url = PublicURL(word) else { throw .publicURL(word) }
            node.publicURL = url
        }
        let region = settings.take("region")
        if let word = settings.take("store") {
            guard let place = ObjectStorePlace(word, region: region ?? ObjectStorePlace.regionDefault) else {
                throw .objectStore(region.map { "\(word) region=\($0)" } ?? word)
            }
            node.objectStore = place
        } else if let region {
            throw .regionWithoutStore(region)
        }
        if let word = settings.take("weight") {
            guard let weight = Ascii.decimal(word.utf8, max: UInt64(RingLimits.weightMax)) else { throw .weight(word) }
            node.weight = Int(weight)
        }
        if let word = settings.take("state") {
            guard word == "draining" else { throw .state(word) }
            node.isDraining = true
        }
        return node
    }

    private func address(_ word: String) throws(ClusterProblem) -> Address {
        guard let address = Address(word) else { throw .address(word) }
        return address
    }
}

/// Words of the form `name=value`, each name known and at most once.
private struct Settings {
    private var values: [String: String] = [:]

    init(_ words: [String], known: [String], of key: String) throws(ClusterProblem) {
        for word in words {
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, known.contains(String(parts[0])) else {
                throw .setting(word: word, expected: known.map { "\($0)=" }.joined(separator: " or "))
            }
            guard values.updateValue(String(parts[1]), forKey: String(parts[0])) == nil else {
                throw .settingTwice(String(parts[0]))
            }
        }
    }

    mutating func take(_ name: String) -> String? { values.removeValue(forKey: name) }
}
