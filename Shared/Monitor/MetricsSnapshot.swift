// The page /metrics of a node, read once, so that two of them can be compared.
//
// Read as bytes and not as text: a node that draws the whole cluster reads such a page of every node each second, in the one thread
// in which it does its work.

/// The figures of a page of metrics. Labels stay part of a name; a histogram has the name without `_bucket` and without `le`.
/// What is not a figure is passed over: the page comes from another process, perhaps of another release.
public struct MetricsSnapshot: Equatable, Sendable {
    /// A bucket of a histogram: how much of what was measured is not above `bound`.
    struct Bucket: Equatable, Sendable {
        var bound: Double
        var count: Double
    }

    private var figures: [String: Double] = [:]
    private var histograms: [String: [Bucket]] = [:]

    /// - Complexity: O(page).
    public init(_ page: String) { self.init(Array(page.utf8)[...]) }

    /// - Complexity: O(page).
    public init(_ page: ArraySlice<UInt8>) {
        for line in page.split(separator: 0x0A) where line.first != 0x23 {
            guard let blank = line.lastIndex(of: 0x20) else { continue }
            let name = line[..<blank]
            guard let value = Double(String(decoding: line[(blank + 1)...], as: UTF8.self)), value.isFinite else { continue }
            if let (histogram, bound) = Self.bucket(name) {
                histograms[histogram, default: []].append(Bucket(bound: bound, count: value))
            } else {
                figures[String(decoding: name, as: UTF8.self)] = value
            }
        }
    }

    public subscript(name: String) -> Double? { figures[name] }

    /// The values of all figures of that name, whatever their labels, by their labels.
    /// - Complexity: O(figures).
    public func all(_ name: String) -> [String: Double] {
        var found: [String: Double] = [:]
        for (key, value) in figures where key.hasPrefix("\(name){") { found[String(key.dropFirst(name.utf8.count))] = value }
        return found
    }

    /// What came to a counter since `earlier`; 0 when the process was started anew in between.
    public func gain(_ name: String, since earlier: MetricsSnapshot) -> Double {
        guard let now = figures[name], let then = earlier[name] else { return 0 }
        return max(0, now - then)
    }

    /// What came to a histogram since `earlier`.
    public func distribution(_ name: String, since earlier: MetricsSnapshot) -> Distribution {
        guard let now = histograms[name] else { return Distribution() }
        return Distribution(now, since: earlier.histograms[name] ?? [])
    }

    /// Below which this part of what a histogram saw since `earlier` lies, as its buckets tell; nil: it saw nothing.
    /// - Parameter part: 0...1.
    public func quantile(_ part: Double, of name: String, since earlier: MetricsSnapshot) -> Double? {
        distribution(name, since: earlier).quantile(part)
    }

    /// `name_bucket{labels,le="bound"}` as `name{labels}` and its bound.
    private static func bucket(_ name: ArraySlice<UInt8>) -> (String, Double)? {
        guard name.last == 0x7D, let brace = name.firstIndex(of: 0x7B), name[..<brace].hasSuffix(suffix) else { return nil }
        guard let start = name.lastIndex(of: 0x3D), name[..<(start + 1)].hasSuffix(boundLabel) else { return nil }
        let text = String(decoding: name[(start + 1)...].filter { $0 != 0x22 && $0 != 0x7D }, as: UTF8.self)
        guard let bound = text == "+Inf" ? Double.infinity : Double(text) else { return nil }
        let labels = name[(brace + 1)..<(start + 1 - boundLabel.count)]
        let base = String(decoding: name[..<(brace - suffix.count)], as: UTF8.self)
        return (labels.isEmpty ? base : "\(base){\(String(decoding: labels.dropLast(), as: UTF8.self))}", bound)
    }

    private static let suffix = Array("_bucket".utf8)
    private static let boundLabel = Array("le=".utf8)
}

/// What a histogram saw between two looks. Those of several processes add up.
public struct Distribution: Equatable, Sendable {
    /// Bounds that rise, and how much is not above each.
    private var buckets: [MetricsSnapshot.Bucket] = []

    public init() {}

    init(_ now: [MetricsSnapshot.Bucket], since earlier: [MetricsSnapshot.Bucket]) {
        buckets = now.sorted { $0.bound < $1.bound }
        guard !earlier.isEmpty else { return }
        for index in buckets.indices {
            let then = earlier.first { $0.bound == buckets[index].bound }?.count ?? 0
            // Less than before: the process was started anew, and all it has is new.
            guard buckets[index].count >= then else {
                buckets = now.sorted { $0.bound < $1.bound }
                return
            }
            buckets[index].count -= then
        }
    }

    public var count: Double { buckets.last?.count ?? 0 }

    /// Adds what another process saw. Those with other bounds are of another release, and left out.
    public mutating func add(_ other: Distribution) {
        if buckets.isEmpty { return buckets = other.buckets }
        guard buckets.map(\.bound) == other.buckets.map(\.bound) else { return }
        for index in buckets.indices { buckets[index].count += other.buckets[index].count }
    }

    /// - Parameter part: 0...1.
    /// - Returns: the bound of the bucket in which that part is reached, seconds; infinity above the last; nil: nothing was seen.
    public func quantile(_ part: Double) -> Double? {
        guard count > 0 else { return nil }
        return buckets.first { $0.count >= count * part }?.bound
    }
}

extension ArraySlice<UInt8> {
    fileprivate func hasSuffix(_ ending: [UInt8]) -> Bool { suffix(ending.count).elementsEqual(ending) }
}
