// What can be wrong with a cluster, and what to do about it.
//
// Whoever reads such a message has just edited a file and wants to go on. So every problem names the word that is
// wrong, and ends with what to write instead.

import Groups
import Ring

/// One mistake in the description of a cluster.
public enum ClusterProblem: Error, Hashable, Sendable {
    // The text.
    case fileTooLarge(bytes: Int)
    case lineTooLong(bytes: Int)
    case controlCharacter(byte: UInt8)
    case notASCII
    case unknownKey(String)
    case keyTwice(String)
    case keyMissing(String)
    case wordCount(key: String, expected: String)
    case setting(word: String, expected: String)
    case settingTwice(String)

    // The values.
    case clusterName(String)
    case epoch(String)
    case seed(String)
    case load(String)
    case store(String)
    /// A limit of groups or of presence out of its range, as it was written.
    case groups(String)
    case presence(String)
    /// A limit of clients out of its range, as it was written.
    case limits(String)
    /// Of media, likewise.
    case files(String)
    case tls(String)
    case login(String)
    case database(String)
    case webhooks(String)
    case webhooksWithoutAPI
    case expiry(String)
    case origin(String)
    case tooManyOrigins(count: Int)
    case nodeName(String)
    case address(String)
    case publicURL(String)
    case objectStore(String)
    case regionWithoutStore(String)
    case weight(String)

    // The nodes together.
    case tooManyNodes
    case nodeTwice(String)
    /// Two names with the same `NodeID`.
    case nameClash(String, String)
    case portTwice(Address, usedBy: String)
    case weightWithoutRing(Role)
    case clientMissing(node: String)
    case clientNotAllowed(Role)
    /// A setting that only media nodes have.
    case onlyMedia(String, Role)
    /// Anybody could sign in as anybody, and not only people at this machine could ask.
    case loginNotLocal(node: String)
    case roleMissing(Role)
    case drainNotAllowed(Role)
    case allDraining(Role)
    case state(String)
}

extension ClusterProblem: CustomStringConvertible {
    /// What is wrong; what to do.
    public var description: String {
        switch self {
        case .fileTooLarge(let bytes):
            "the file has \(bytes) bytes; at most \(ClusterLimits.fileBytesMax) are read, is it the right file?"
        case .lineTooLong(let bytes):
            "the line has \(bytes) bytes; write at most \(ClusterLimits.lineBytesMax)"
        case .controlCharacter(let byte):
            byte == 13
                ? "the line ends in a carriage return; save the file with Unix line ends"
                : "the control character \(byte) is in the line; remove it"
        case .notASCII:
            "there is a character outside ASCII; use such characters in comments only, after #"
        case .unknownKey(let key):
            "\"\(key)\" is not known; a line begins with cluster, epoch, ring, store, origins, expiry, groups, presence, limits, files, tls, login, or a role: "
                + Role.allCases.map(\.name).joined(separator: ", ")
        case .keyTwice(let key):
            "there is a line \"\(key)\" already; keep one of them"
        case .keyMissing(let key):
            "there is no line \"\(key)\"; add one, like \"\(ClusterProblem.example(of: key))\""
        case .wordCount(let key, let expected):
            "a line \"\(key)\" is written \"\(expected)\""
        case .setting(let word, let expected):
            "\"\(word)\" is not known here; write \(expected)"
        case .settingTwice(let name):
            "\"\(name)=\" is there twice; keep one of them"
        case .clusterName(let text):
            "\"\(text)\" is no name for a cluster; take 1 to \(ClusterLimits.clusterNameBytesMax) of a-z, 0-9 and -, "
                + "with no - at either end"
        case .epoch(let text):
            "\"\(text)\" is no epoch; begin with 1 and count up with every change, at most \(UInt32.max)"
        case .seed(let text):
            "\"\(text)\" is no seed; take a whole number from 0 to \(UInt64.max)"
        case .load(let text):
            "\"\(text)\" is no load bound; take a number from 1.01 to 2, like 1.05"
        case .store(let text):
            "\"\(text)\" is no way to store; write "
                + StorageMode.allCases.map(\.rawValue).joined(separator: " or ")
        case .expiry(let text):
            "\"\(text)\" is no expiry; write a number and s, m, h or d, from 1m to 3650d, like 30d"
        case .groups(let text):
            "\"\(text)\" is out of range; members=2 to \(GroupLimits.memberCountMax), tries=1 to \(ClusterLimits.groupTriesRange.upperBound), "
                + "retry-ms=\(ClusterLimits.groupRetryMsRange.lowerBound) to \(ClusterLimits.groupRetryMsRange.upperBound)"
        case .presence(let text):
            "\"\(text)\" is out of range; online-ms=\(ClusterLimits.onlineMsRange.lowerBound) to \(ClusterLimits.onlineMsRange.upperBound)"
        case .tls(let text):
            "\"\(text)\" is neither on nor off; write clients=on or peers=on, and leave out what is off"
        case .database(let text):
            "\"\(text)\" is no database; write postgresql://USER@HOST:PORT/NAME, without a password: that stands in secrets/postgres.pass"
        case .webhooks(let text):
            "\"\(text)\" cannot be used; write webhooks https://HOST/PATH, perhaps with events=offline,stored,delivered,read, "
                + "tries=\(ClusterLimits.hookTriesRange.lowerBound) to \(ClusterLimits.hookTriesRange.upperBound) and "
                + "retry-ms=\(ClusterLimits.hookRetryMsRange.lowerBound) to \(ClusterLimits.hookRetryMsRange.upperBound)"
        case .webhooksWithoutAPI:
            "webhooks are told by an api node, and there is none; add one, or remove the line"
        case .login(let text):
            "\"\(text)\" is no way to log in; write development, or remove the line and let your own log-in issue tokens"
        case .files(let text):
            "\"\(text)\" is out of range; upload=, link= and orphan= take 1s to 30d, day-mib=\(ClusterLimits.dayMiBRange.lowerBound) to "
                + "\(ClusterLimits.dayMiBRange.upperBound)"
        case .limits(let text):
            "\"\(text)\" is out of range; frames=0 to \(ClusterLimits.framesMax), kib=\(ClusterLimits.kibRange.lowerBound) to \(ClusterLimits.kibRange.upperBound), "
                + "connects=0 to \(ClusterLimits.connectsMax); 0 means no limit for each of them"
        case .origin(let text):
            "\"\(text)\" is no origin; write http:// or https://, a host and perhaps a port, and no path"
        case .tooManyOrigins(let count):
            "there are \(count) origins; write at most \(ClusterLimits.originCountMax)"
        case .nodeName(let text):
            "\"\(text)\" is no name for a node; take 1 to \(ClusterLimits.nodeNameBytesMax) of a-z, 0-9 and -, "
                + "with no - at either end"
        case .address(let text):
            "\"\(text)\" is no address; write an IPv4 address or a host name, a colon, and a port from 1 to 65535"
        case .publicURL(let text):
            "\"\(text)\" is nothing that links may begin with; write http:// or https://, a host, perhaps a port, perhaps a path of "
                + "letters, digits and . _ ~ -, and nothing behind; at most \(ClusterLimits.publicURLBytesMax) bytes"
        case .objectStore(let text):
            "\"\(text)\" is no object store; write store=s3:http://HOST:PORT/BUCKET, and perhaps region=NAME; https is not spoken, put a "
                + "proxy that speaks it beside the node"
        case .regionWithoutStore(let text):
            "region=\(text) belongs to a store; add store=s3:http://HOST:PORT/BUCKET or remove it"
        case .weight(let text):
            "\"\(text)\" is no weight; take a whole number from 1 to \(RingLimits.weightMax)"
        case .tooManyNodes:
            "there are more than \(ClusterLimits.nodeCountMax) nodes; a cluster has at most that many"
        case .nodeTwice(let name):
            "there is a node \"\(name)\" already; give each node a name of its own"
        case .nameClash(let name, let other):
            "the names \"\(name)\" and \"\(other)\" have the same hash, which happens once in billions; rename one of them"
        case .portTwice(let address, let user):
            "\(address) is taken by \(user); give each node ports of its own"
        case .weightWithoutRing(let role):
            "a \(role.name) has no weight; its work is not divided by a ring, remove weight="
        case .clientMissing(let node):
            "\(node) has no address for clients; add client=HOST:PORT"
        case .onlyMedia(let setting, let role):
            "a \(role.name) gives no files out; remove \(setting)"
        case .clientNotAllowed(let role):
            "a \(role.name) serves no clients; remove client="
        case .loginNotLocal(let node):
            "\"login development\" lets everybody who reaches \(node) sign in as anybody; give it client=127.0.0.1:PORT, or "
                + "remove the line login"
        case .roleMissing(let role):
            "there is no node of the role \(role.name); add a line that begins with \(role.name)"
        case .drainNotAllowed(let role):
            "a \(role.name) cannot be drained: what it keeps stays where it is; remove state=draining"
        case .allDraining(let role):
            "every node of the role \(role.name) is draining; remove state=draining from one of them, or add another"
        case .state(let text):
            "\"\(text)\" is no state; write state=draining, or remove it"
        }
    }

    private static func example(of key: String) -> String {
        switch key {
        case "cluster": "cluster local"
        case "epoch": "epoch 1"
        default: "store temporary"
        }
    }
}

/// A problem and where in the file it is.
public struct ClusterFileError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Counted from 1; nil if the problem is one of the whole file.
    public let line: Int?
    public let problem: ClusterProblem

    public init(line: Int?, problem: ClusterProblem) {
        self.line = line
        self.problem = problem
    }

    /// For the operator, one line: where, what, what to do.
    public var description: String {
        line.map { "cluster file, line \($0): \(problem)" } ?? "cluster file: \(problem)"
    }
}
