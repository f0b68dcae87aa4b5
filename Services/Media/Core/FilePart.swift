// Which bytes of a file a request wants. Source: RFC 9110, sections 13 and 14. One range; of several the whole file is the answer.

import WebSocket

enum FilePart: Equatable {
    case whole
    /// Not empty, inside the file.
    case range(Range<UInt64>)
    /// The reader has it already.
    case unchanged
    case unsatisfiable

    /// - Parameters:
    ///   - size: bytes of the file, at least 1.
    ///   - tag: its entity tag, with its quotation marks.
    init(_ headers: HTTPHeaders, size: UInt64, tag: String) {
        if headers.list("if-none-match").contains(where: { $0 == "*" || $0 == tag || $0 == "W/" + tag }) {
            self = .unchanged
            return
        }
        guard let text = headers["range"], text.hasPrefix("bytes="), headers["if-range"].map({ $0 == tag }) ?? true else {
            self = .whole
            return
        }
        self = Self.parse(text.dropFirst("bytes=".count), size: size)
    }

    /// What is no range is ignored, as it must be.
    private static func parse(_ text: Substring, size: UInt64) -> FilePart {
        let ends = text.split(separator: "-", omittingEmptySubsequences: false)
        guard ends.count == 2, text.utf8.allSatisfy({ (0x30...0x39).contains($0) || $0 == 0x2D }) else { return .whole }
        switch (UInt64(ends[0]), UInt64(ends[1])) {
        case (nil, let count?) where ends[0].isEmpty:
            guard count > 0 else { return .unsatisfiable }
            return .range(size - min(size, count)..<size)
        case (let first?, nil) where ends[1].isEmpty:
            return first < size ? .range(first..<size) : .unsatisfiable
        case (let first?, let last?):
            guard first <= last else { return .whole }
            return first < size ? .range(first..<min(last, size - 1) + 1) : .unsatisfiable
        default: return .whole
        }
    }
}
