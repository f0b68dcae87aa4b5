// The head of a request or response: lines that end in CR LF, then an empty one.
//
// Two steps, so that any cut of the stream gives the same answer. The reader looks at each byte once as it comes in and refuses at once
// what may stand nowhere in a head: a lone CR or LF, control characters, too many bytes or lines. When the empty line is there, the
// whole head (at most 8 KiB) is taken apart in one go.
//
// Strictness is the point: two programs that disagree where a line ends are how requests get smuggled past a proxy.

/// The rule of HTTP that a peer broke. The raw value is the `reason` of our answer, of logs and counters.
public enum HTTPRule: String, Error, Equatable, Sendable, CaseIterable {
    /// LF without CR. RFC 9112, section 2.2, lets us accept it; we do not.
    case bareLineFeed = "bare_line_feed"
    case bareCarriageReturn = "bare_carriage_return"
    /// NUL or another control character but the tab.
    case controlByte = "control_byte"
    /// Above `HTTPLimits.headBytesMax`.
    case headTooLarge = "head_too_large"
    /// Above `HTTPLimits.headersCountMax`.
    case tooManyHeaders = "too_many_headers"
    /// More empty lines before the first line than allowed.
    case emptyStartLine = "empty_start_line"
    /// Not `method SP target SP version`.
    case requestLine = "request_line"
    case method = "method"
    case target = "target"
    /// Not HTTP/1.1.
    case version = "http_version"
    /// Not `version SP three digits SP reason`.
    case statusLine = "status_line"
    /// No colon, an empty name, or a character (also a space) that a name must not have.
    case headerName = "header_name"
    /// A header line that starts with a space or tab. RFC 9112, section 5.2.
    case obsoleteFolding = "obsolete_folding"
    /// A header that must be single stands twice.
    case duplicateHeader = "duplicate_header"
    case hostMissing = "host_missing"
    case hostInvalid = "host_invalid"
    /// `Content-Length` above 0 or any `Transfer-Encoding`: an upgrade has no body.
    case bodyNotAllowed = "body_not_allowed"
    /// `Connection` does not list `Upgrade`.
    case connectionNotUpgrade = "connection_not_upgrade"
    case keyMissing = "key_missing"
    /// `Sec-WebSocket-Key` is not base64 of exactly 16 bytes.
    case keyInvalid = "key_invalid"
    /// `Sec-WebSocket-Protocol` with an empty, repeated or malformed name, or above `HTTPLimits.subprotocolsCountMax` of them.
    case subprotocolInvalid = "subprotocol_invalid"
    /// A log-in without a `user`, or with one that nobody can be.
    case userInvalid = "user_invalid"
    /// A log-in with a `device` that is none.
    case deviceInvalid = "device_invalid"
}

/// Header lines in the order of arrival; names compare without case.
public struct HTTPHeaders: Equatable, Sendable {
    public struct Field: Equatable, Sendable {
        /// Lower case.
        public let name: String
        /// Trimmed; bytes that are not UTF-8 are replaced.
        public let value: String
    }

    public private(set) var fields: [Field] = []

    /// Headers that must not stand twice; with two answers to "whose host, which length, what token" there is no right one.
    static let singleNames = [
        "host", "content-length", "transfer-encoding", "origin", "authorization", "sec-websocket-key", "sec-websocket-version",
        "sec-websocket-accept",
    ]

    init(lines: ArraySlice<ArraySlice<UInt8>>) throws(HTTPRule) {
        fields.reserveCapacity(lines.count)
        for line in lines {
            guard let first = line.first else { throw .headerName }
            guard first != ASCII.space, first != ASCII.tab else { throw .obsoleteFolding }
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { throw .headerName }
            let name = line[..<colon]
            guard !name.isEmpty, name.allSatisfy(ASCII.isToken) else { throw .headerName }
            let key = String(decoding: name.map(ASCII.lowercase), as: UTF8.self)
            if Self.singleNames.contains(key), self[key] != nil { throw .duplicateHeader }
            fields.append(Field(name: key, value: ASCII.string(ASCII.trimmed(line[(colon + 1)...]))))
        }
    }

    /// Value of the first header of that name.
    /// - Parameter name: lower case.
    /// - Complexity: O(headers), at most 64.
    public subscript(name: String) -> String? {
        fields.first { $0.name == name }?.value
    }

    /// Elements of a comma-separated list, all headers of that name together, trimmed, empty ones left out.
    /// - Parameter name: lower case.
    public func list(_ name: String) -> [String] {
        var elements: [String] = []
        for field in fields where field.name == name {
            for part in Array(field.value.utf8).split(separator: UInt8(ascii: ",")) {
                let element = ASCII.trimmed(part)
                if !element.isEmpty { elements.append(ASCII.string(element)) }
            }
        }
        return elements
    }

    /// Whether such a list has the element, without case.
    func list(_ name: String, has element: String) -> Bool {
        list(name).contains { ASCII.equalIgnoringCase($0, element) }
    }
}

/// Collects one head from the stream.
struct HTTPHeadReader: Sendable {
    private var bytes: [UInt8] = []
    private var bytesCount = 0
    private var linesCount = 0
    private var emptyLinesCount = 0
    private var lineStart = 0
    private var isAfterCarriageReturn = false

    /// Takes received bytes until the head is complete.
    /// - Returns: the head's lines, first line first, and the bytes behind the head; nil: need more bytes.
    mutating func receive(
        _ piece: ArraySlice<UInt8>
    ) throws(HTTPRule) -> (lines: [ArraySlice<UInt8>], rest: ArraySlice<UInt8>)? {
        for index in piece.indices {
            let byte = piece[index]
            bytesCount += 1
            guard bytesCount <= HTTPLimits.headBytesMax else { throw .headTooLarge }
            if byte == ASCII.lineFeed {
                guard isAfterCarriageReturn else { throw .bareLineFeed }
                isAfterCarriageReturn = false
                if try onLineEnd() { return (takeLines(), piece[(index + 1)...]) }
                continue
            }
            guard !isAfterCarriageReturn else { throw .bareCarriageReturn }
            if byte == ASCII.carriageReturn {
                isAfterCarriageReturn = true
                continue
            }
            guard !ASCII.isForbiddenControl(byte) else { throw .controlByte }
            bytes.append(byte)
        }
        return nil
    }

    /// Keeps lines separated by LF alone, which cannot stand inside them.
    /// - Returns: whether that was the empty line behind the head.
    private mutating func onLineEnd() throws(HTTPRule) -> Bool {
        let isEmpty = bytes.count == lineStart
        if isEmpty, linesCount == 0 {
            emptyLinesCount += 1
            guard emptyLinesCount <= HTTPLimits.leadingEmptyLinesCountMax else { throw .emptyStartLine }
            return false
        }
        if isEmpty { return true }
        linesCount += 1
        guard linesCount - 1 <= HTTPLimits.headersCountMax else { throw .tooManyHeaders }
        bytes.append(ASCII.lineFeed)
        lineStart = bytes.count
        return false
    }

    private mutating func takeLines() -> [ArraySlice<UInt8>] {
        let lines = bytes.split(separator: ASCII.lineFeed)
        bytes = []
        return lines
    }
}
