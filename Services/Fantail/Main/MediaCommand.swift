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

    /// Connections of one upload that may break before we give up.
    private static let tryCountMax = 5

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
        let limit = Int(MediaLimits.fileBytesMax)
        guard let bytes = try Files.read(path, limit: limit + 1) else { throw .failure("there is no file \(path)") }
        guard !bytes.isEmpty, bytes.count <= limit else { throw .failure("\(path) is empty, or larger than \(limit) bytes") }
        let kind = arguments.has("opaque") ? nil : MediaLine.kind(ofFile: path)
        let name = String(path.split(separator: "/").last ?? "file")
        guard let file = MediaFile(
            name: name, mime: kind?.rawValue ?? "application/octet-stream", size: UInt64(bytes.count),
            hash: HexName.text(OpenSSLCrypto().sha256(bytes)), isOpaque: kind == nil)
        else { throw .failure("the name of \(path) is too long") }

        let courier = try Courier(arguments, device: DeviceID("cli")!)
        var inquiry = Inquiry(courier, timeoutSeconds: try arguments.timeout())
        try courier.start()
        let url = try link(&inquiry) { courier, ref throws(CommandFailure) in try courier.requestUpload(of: file, ref: ref) }
        let reference = try upload(bytes, to: url)
        let _: Bool = try inquiry.ask({ courier, ref throws(CommandFailure) in
            try courier.keep(reference, ref: ref)
        }) { news, ref -> Bool? in
            if case .mediaKept(ref) = news { true } else { nil }
        }
        try courier.stop()
        System.print(
            MediaLine(reference: reference, name: file.name, mime: file.mime, size: file.size, isOpaque: file.isOpaque).text)
        return 0
    }

    /// Goes on where a connection broke.
    private static func upload(_ bytes: [UInt8], to url: String) throws(CommandFailure) -> MediaReference {
        var offset = 0
        var trouble = CommandFailure.failure("the upload broke")
        for _ in 0..<tryCountMax {
            do throws(CommandFailure) {
                let answer = try MediaTransfer.request(
                    "PUT", url, headers: [("Upload-Offset", String(offset))], body: bytes[offset...])
                if answer.status == 201, let reference = MediaLine.reference(in: String(decoding: answer.body, as: UTF8.self)) {
                    return reference
                }
                trouble = refusal(answer)
                guard answer.status == 409 else { throw trouble }
            } catch {
                trouble = error
            }
            let state = try MediaTransfer.request("HEAD", url)
            guard state.status == 200, let there = state.headers["upload-offset"].flatMap({ Int($0) }), (0...bytes.count).contains(there)
            else { throw trouble }
            offset = there
        }
        throw trouble
    }

    // MARK: Get

    private static func get(_ what: String, _ path: String, _ arguments: Arguments) throws(CommandFailure) -> Int32 {
        guard let reference = MediaLine.reference(in: what) else { throw .usage("this is no reference: a line of a message, or ID:SECRET") }
        let courier = try Courier(arguments, device: DeviceID("cli")!)
        var inquiry = Inquiry(courier, timeoutSeconds: try arguments.timeout())
        try courier.start()
        let url = try link(&inquiry) { courier, ref throws(CommandFailure) in try courier.requestDownload(of: reference, ref: ref) }
        try courier.stop()
        let answer = try MediaTransfer.request("GET", url)
        guard answer.status == 200 else { throw refusal(answer) }
        guard answer.headers["etag"] == "\"\(HexName.text(OpenSSLCrypto().sha256(answer.body)))\"" else {
            throw .failure("the file did not come whole; try again")
        }
        if path == "-" {
            try writeOut(answer.body)
        } else {
            try Files.replace(path, with: answer.body)
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

    private static func refusal(_ answer: TransferAnswer) -> CommandFailure {
        let text = String(decoding: answer.body.prefix(200), as: UTF8.self)
        return .failure("the media service answered \(answer.status): \(Printable.line(text.filter { !$0.isNewline }))")
    }
}
