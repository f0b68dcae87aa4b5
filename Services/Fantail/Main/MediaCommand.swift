// fantail media: files to the cluster and back.

import ChatClient
import ClientProtocol
import Crypto
import FantailCLI
import Glibc
import Media
import Primitives

enum MediaCommand {
    static let spec = CommandSpec(
        "media", "Put a file into the cluster, get one out", synopsis: "put|get --as USER [OPTIONS] …",
        options: [
            OptionSpec("opaque", nil, "put: bytes to save, whatever they are; default for all but pictures and video"),
            OptionSpec("device", "D", "your device; default cli"),
            OptionSpec("timeout", "TIME", "how long to wait for each answer of the cluster; default 30s"),
        ] + connectionOptions,
        notes: [
            "put FILE         prints the line that a message carries: fantail send … \"$(fantail media put …)\"",
            "get WHAT [FILE]  WHAT is such a line, or ID:SECRET; FILE - is standard output, the default.",
            "A file that was put is kept like a message, also when no message tells of it.",
        ])

    static func run(_ arguments: Arguments) throws(CommandFailure) -> Int32 {
        _ = try arguments.user("as")
        let words = arguments.operands
        switch words.first {
        case "put" where words.count == 2: return try put(words[1], arguments)
        case "get" where words.count == 2 || words.count == 3: return try get(words[1], words.count == 3 ? words[2] : "-", arguments)
        default: throw .usage("what is to be done? try fantail media --help")
        }
    }

    // MARK: Put

    private static func put(_ path: String, _ arguments: Arguments) throws(CommandFailure) -> Int32 {
        let outgoing = try OutgoingFile(path: path, isOpaque: arguments.has("opaque"))
        let courier = try Courier(arguments, device: DeviceID("cli")!)
        var inquiry = Inquiry(courier, timeoutSeconds: try arguments.timeout())
        try courier.start()
        let url = try link(&inquiry) { courier, ref throws(CommandFailure) in try courier.requestUpload(of: outgoing.file, ref: ref) }
        let reference = try MediaTransfer.upload(outgoing.bytes, to: url, courier.trust)
        let _: Bool = try inquiry.ask({ courier, ref throws(CommandFailure) in
            try courier.keep(reference, ref: ref)
        }) { news, ref -> Bool? in
            if case .mediaKept(ref) = news { true } else { nil }
        }
        try courier.stop()
        System.print(MediaLine(reference: reference, file: outgoing.file).text)
        return 0
    }

    // MARK: Get

    private static func get(_ what: String, _ path: String, _ arguments: Arguments) throws(CommandFailure) -> Int32 {
        guard let reference = MediaWords.reference(in: what) else { throw .usage("this is no reference: a line of a message, or ID:SECRET") }
        let courier = try Courier(arguments, device: DeviceID("cli")!)
        var inquiry = Inquiry(courier, timeoutSeconds: try arguments.timeout())
        try courier.start()
        let url = try link(&inquiry) { courier, ref throws(CommandFailure) in try courier.requestDownload(of: reference, ref: ref) }
        try courier.stop()
        let bytes = try MediaTransfer.download(url, courier.trust)
        if path == "-" {
            try writeOut(bytes)
        } else {
            try Files.replace(path, with: bytes)
        }
        return 0
    }

    private static func writeOut(_ bytes: [UInt8]) throws(CommandFailure) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(STDOUT_FILENO, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw .failure("cannot write: \(System.lastError)") }
            rest = rest.dropFirst(count)
        }
    }

    // MARK: Both

    private static func link(
        _ inquiry: inout Inquiry, _ question: (Courier, MessageID) throws(CommandFailure) -> Void
    ) throws(CommandFailure) -> String {
        try inquiry.ask(question) { news, ref -> String? in
            if case .mediaLink(ref, let url, _) = news { url } else { nil }
        }
    }
}
