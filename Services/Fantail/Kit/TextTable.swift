// Tables for people: columns aligned by what they look like, two blanks between them.

public struct TextTable: Sendable {
    private var rows: [[Span]] = []
    private let rightAligned: Set<Int>

    /// - Parameter rightAligned: columns of numbers.
    public init(_ titles: [String], rightAligned: Set<Int> = []) {
        self.rightAligned = rightAligned
        rows = [titles.map { Span($0, .dim) }]
    }

    /// - Parameter cells: as many as there are titles.
    public mutating func add(_ cells: [Span]) {
        precondition(cells.count == rows[0].count, "a cell for each title")
        rows.append(cells)
    }

    /// - Complexity: O(cells).
    public var lines: [Row] {
        let widths = rows[0].indices.map { column in
            rows.map { DisplayWidth.columns($0[column].text) }.max() ?? 0
        }
        return rows.map { cells in
            var row = Row()
            for (column, cell) in cells.enumerated() {
                let gap = String(repeating: " ", count: widths[column] - DisplayWidth.columns(cell.text))
                let isLast = column == cells.count - 1
                if rightAligned.contains(column) {
                    row.spans += [Span(gap), cell]
                } else {
                    row.spans += isLast ? [cell] : [cell, Span(gap)]
                }
                if !isLast { row.spans.append(Span("  ")) }
            }
            return row
        }
    }
}
