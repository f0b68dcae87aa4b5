// A cluster of bench's own (--start): made by deploy/run.sh in a temporary folder, stopped and removed at the end.

import BenchKit
import FantailCLI
import Glibc
import ServiceKit

struct OwnCluster {
    let folder: String
    private let scripts: String
    /// Of run.sh whenever it is called for this cluster.
    private let startWords: [String]

    /// Makes it, starts it and waits until it is ready.
    /// - Parameter sessions: how many session nodes, whatever the arguments say; nil: what they say.
    init(_ arguments: Arguments, sessions: Int? = nil) throws(CommandFailure) {
        let binary = try Self.binary()
        guard let root = Self.checkout(around: binary) else {
            throw .failure("--start needs the checkout that bench was built in: there is no deploy/run.sh above \(binary)")
        }
        scripts = "\(root)/deploy"
        let port = try arguments.number("port-base", 1024...28_000) ?? Self.portBaseDefault
        var making = ["--port-base", "\(port)"]
        for count in OwnClusterOptions.counts {
            let wanted = try arguments.number(count.name, 1...64)
            if let number = count.name == "sessions" ? sessions ?? wanted : wanted { making += ["--\(count.there)", "\(number)"] }
        }
        for flag in ["tls", "archive", "postgres"] where arguments.has(flag) { making.append("--\(flag)") }
        var template = Array("\(Terminal.environment("TMPDIR") ?? "/tmp")/fantail-bench-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw .failure("cannot make a temporary folder: \(Self.lastError)") }
        folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)

        var words = ["run.sh", "--home", folder, "--detach"]
        if binary.contains("/debug/") { words.append("--debug") }
        if OwnClusterOptions.services.allSatisfy({ access("\(Self.parent(binary))/\($0)", X_OK) == 0 }) { words.append("--no-build") }
        startWords = words
        try start(making)
    }

    /// Ends its services; what it keeps stays for `resume`.
    func halt() { _ = Self.run("\(scripts)/stop.sh", ["stop.sh", "--home", folder], log: "/dev/null") }

    /// Starts it again as it was.
    func resume() throws(CommandFailure) { try start([]) }

    /// Stops its services and removes everything that it kept.
    func stop() {
        halt()
        Self.remove(folder)
    }

    /// - Parameter making: the words that matter while there is no cluster file yet.
    private func start(_ making: [String]) throws(CommandFailure) {
        let status = Self.run("\(scripts)/run.sh", startWords + making, log: "\(folder)/start.log")
        guard status == 0 else {
            let said = ClusterHome.read("\(folder)/start.log").map { String(decoding: $0, as: UTF8.self) } ?? ""
            stop()
            throw .failure(
                "the cluster did not start:\n\(said)If a port is taken: bench ... --start --port-base N, where N is 1024 to 28000")
        }
    }

    /// Far from that of a cluster that somebody works with.
    private static let portBaseDefault = 17_000

    // MARK: The machine

    private static var lastError: String { String(cString: strerror(errno)) }

    private static func binary() throws(CommandFailure) -> String {
        var path = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/self/exe", &path, path.count)
        guard count > 0 else { throw .failure("cannot find out where bench lies: \(lastError)") }
        return String(decoding: path[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private static func parent(_ path: String) -> String { path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "" }

    private static func checkout(around binary: String) -> String? {
        var folder = parent(binary)
        while !folder.isEmpty {
            if access("\(folder)/deploy/run.sh", X_OK) == 0 { return folder }
            folder = parent(folder)
        }
        return nil
    }

    /// Runs a script with our blocked and ignored signals put right, and waits for it.
    /// - Returns: its exit status; 127 when it could not be run.
    private static func run(_ path: String, _ words: [String], log: String) -> Int32 {
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        var pipe = sigset_t()
        sigemptyset(&pipe)
        sigaddset(&pipe, SIGPIPE)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &pipe)
        // A process group of its own: Ctrl-C is for us, and we stop the cluster in order.
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP))
        var files = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&files)
        defer { posix_spawn_file_actions_destroy(&files) }
        posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&files, 1, log, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        posix_spawn_file_actions_adddup2(&files, 1, 2)
        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var pid: pid_t = 0
        guard posix_spawn(&pid, path, &files, &attributes, &arguments, environ) == 0 else { return 127 }
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0 { guard errno == EINTR else { return 127 } }
        return status & 0x7F == 0 ? (status >> 8) & 0xFF : 127
    }

    private static func remove(_ folder: String) {
        _ = run("/bin/rm", ["rm", "-rf", "--", folder], log: "/dev/null")
    }
}
