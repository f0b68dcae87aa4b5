// Writing a cluster down: the text that `ClusterMap.parse` reads back to the same value. Together with the two small
// notations of the file, a time like `30d` and a load bound like `1.05`.

import Ring

extension ClusterMap {
    /// The cluster file of this map: nodes in canonical order, columns aligned, every setting written out.
    /// - Complexity: O(nodes).
    public func render() -> String {
        var lines = [
            "# Fantail cluster",
            "cluster  \(name)",
            "epoch    \(epoch)",
            "store    \(storageMode.rawValue)",
            "ring     seed=\(ringParameters.seed) load=\(LoadText.text(permille: ringParameters.loadPermille))",
        ]
        if !origins.isEmpty { lines.append("origins  \(origins.joined(separator: ","))") }
        lines.append("expiry   \(DurationText.text(seconds: expirySeconds))")
        lines.append(
            "groups   members=\(groupRules.memberCountMax) tries=\(groupRules.tryCountMax) retry-ms=\(groupRules.retryMs)")
        lines.append("presence online-ms=\(presenceRules.onlineMs)")
        lines.append(
            "limits   frames=\(limitRules.framesPerSecond) kib=\(limitRules.kibPerSecond) connects=\(limitRules.connectsPerSecond)")
        lines.append(
            "files    upload=\(DurationText.text(seconds: fileRules.uploadSeconds)) link=\(DurationText.text(seconds: fileRules.linkSeconds)) "
                + "orphan=\(DurationText.text(seconds: fileRules.orphanSeconds)) day-mib=\(fileRules.dayMiB)")
        if tlsRules != TLSRules() { lines.append("tls      clients=\(tlsRules.clients ? "on" : "off") peers=\(tlsRules.peers ? "on" : "off")") }
        if let database { lines.append("database \(database)") }
        if let webhooks { lines.append("webhooks \(webhooks)") }
        if hasDevelopmentLogin { lines.append("login    development") }
        lines.append("")

        var rows = [["# role", "name", "rpc", "admin", "[client=address] [weight=n] [state=draining]"]]
        for node in nodes {
            var settings: [String] = []
            if let client = node.client { settings.append("client=\(client)") }
            if let url = node.publicURL { settings.append("public=\(url)") }
            if let place = node.objectStore { settings.append("store=\(place) region=\(place.region)") }
            if node.weight != 1 { settings.append("weight=\(node.weight)") }
            if node.isDraining { settings.append("state=draining") }
            rows.append([
                node.role.name, node.name, node.rpc.description, node.admin.description,
                settings.joined(separator: " "),
            ])
        }
        lines += ClusterMap.aligned(rows)
        return lines.joined(separator: "\n") + "\n"
    }

    /// Rows of equally many cells as lines; two blanks between columns, none at the end.
    private static func aligned(_ rows: [[String]]) -> [String] {
        guard let columnCount = rows.first?.count else { return [] }
        let widths = (0..<columnCount).map { column in rows.map { $0[column].utf8.count }.max() ?? 0 }
        return rows.map { row in
            var line = ""
            var pending = 0
            for (cell, width) in zip(row, widths) {
                if !cell.isEmpty {
                    line += String(repeating: " ", count: pending) + cell
                    pending = 0
                }
                pending += width + 2 - cell.utf8.count
            }
            return line
        }
    }
}

/// A span of time as a number and a unit.
enum DurationText {
    private static let units: [(letter: String, seconds: Int)] = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)]

    /// - Returns: nil if the text is anything but a whole number and one of s, m, h, d, or is absurdly long.
    static func seconds(_ text: String) -> Int? {
        guard let unit = units.first(where: { text.hasSuffix($0.letter) }) else { return nil }
        let longest = UInt64(ClusterLimits.expirySecondsRange.upperBound)
        guard let number = Ascii.decimal(text.utf8.dropLast(), max: longest) else { return nil }
        return Int(number) * unit.seconds
    }

    /// In the largest unit that says it exactly.
    static func text(seconds: Int) -> String {
        for unit in units where seconds % unit.seconds == 0 { return "\(seconds / unit.seconds)\(unit.letter)" }
        return "\(seconds)s"
    }
}

/// A load bound with at most three decimals, kept as thousandths so that no rounding can creep in.
enum LoadText {
    /// - Returns: nil if the text is no such number, or out of `RingLimits.loadPermilleRange`.
    static func permille(_ text: String) -> Int? {
        let parts = text.utf8.split(separator: UInt8(ascii: "."), maxSplits: 1, omittingEmptySubsequences: false)
        guard let whole = Ascii.decimal(parts[0], max: 2) else { return nil }
        var permille = Int(whole) * 1000
        if parts.count == 2 {
            guard (1...3).contains(parts[1].count), parts[1].allSatisfy(Ascii.isDigit) else { return nil }
            var place = 100
            for digit in parts[1] {
                permille += Int(digit - UInt8(ascii: "0")) * place
                place /= 10
            }
        }
        return RingLimits.loadPermilleRange.contains(permille) ? permille : nil
    }

    static func text(permille: Int) -> String {
        var decimals = String("\(1000 + permille % 1000)".dropFirst())
        while decimals.hasSuffix("0") { decimals.removeLast() }
        return decimals.isEmpty ? "\(permille / 1000)" : "\(permille / 1000).\(decimals)"
    }
}
