// What an admin port answered, taken apart: small HTTP answers of our own services, the connection closed behind them.

public struct AdminAnswer: Equatable, Sendable {
    public let status: Int
    public let body: String

    /// Reads everything that came until the connection ended; nil when it is no HTTP answer.
    public init?(_ bytes: [UInt8]) {
        let mark: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A]
        guard let end = bytes.indices.first(where: { bytes[$0...].starts(with: mark) }) else { return nil }
        let head = String(decoding: bytes[..<end], as: UTF8.self)
        let words = head.prefix { !$0.isNewline }.split(separator: " ", maxSplits: 2)
        guard words.count >= 2, words[0].hasPrefix("HTTP/1."), let status = Int(words[1]), 100...599 ~= status else { return nil }
        self.status = status
        body = String(decoding: bytes[(end + mark.count)...], as: UTF8.self)
    }

    /// What it says to a person, printable: the `reason` or `error` of a JSON object, else the first line of the body.
    public var sentence: String {
        let line = body.split(whereSeparator: \.isNewline).first.map { String($0) } ?? ""
        if let fields = FlatJSON.fields(line), let reason = fields["reason"] ?? fields["error"] { return Printable.line(reason) }
        return line.isEmpty ? "answered \(status)" : Printable.line(line)
    }

    /// The value of a figure on a page of metrics; the first sample whose name ends like this.
    public func figure(endingWith suffix: String) -> Double? {
        for line in body.split(whereSeparator: \.isNewline) where !line.hasPrefix("#") {
            let words = line.split(separator: " ")
            guard words.count >= 2 else { continue }
            if words[0].prefix(while: { $0 != "{" }).hasSuffix(suffix) { return Double(words[1]) }
        }
        return nil
    }
}
