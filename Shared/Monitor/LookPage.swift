// The page /look of a node: what others need to draw it. Its last warnings, a line of its log each, an empty line, and the page of
// /metrics. Writer and reader, side by side.

public struct LookPage: Equatable, Sendable {
    /// The oldest first.
    public var warnings: [String]
    public var metrics: MetricsSnapshot

    /// - Parameter warnings: one line each, without its end.
    public static func text(warnings: [String], metrics: String) -> String {
        warnings.reduce(into: "") { $0 += "\($1)\n" } + "\n" + metrics
    }

    /// The body of an answer.
    /// - Returns: nil when it is no such page.
    /// - Complexity: O(body).
    public init?(_ body: ArraySlice<UInt8>) {
        warnings = []
        var rest = body
        while let end = rest.firstIndex(of: 0x0A) {
            let line = rest[rest.startIndex..<end]
            rest = rest[(end + 1)...]
            if line.isEmpty {
                metrics = MetricsSnapshot(rest)
                return
            }
            guard warnings.count < MonitorLimits.warningCountMax, line.count <= MonitorLimits.warningBytesMax else { return nil }
            warnings.append(String(decoding: line, as: UTF8.self))
        }
        return nil
    }
}
