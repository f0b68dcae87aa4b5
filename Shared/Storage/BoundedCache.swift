// A cache of two generations: new things enter the young one; when it is full it becomes the old one, and the former old
// one is forgotten. What is used moves to the young one, so that things in use survive. About as good as "least recently
// used" and far cheaper: no list, no time, one dictionary look-up for what is in use.

/// At most `2 * capacity` values. All operations O(1), a change of generation aside.
@usableFromInline package struct BoundedCache<Key: Hashable, Value> {
    @usableFromInline var young: [Key: Value] = [:]
    @usableFromInline var old: [Key: Value] = [:]
    @usableFromInline let capacity: Int

    /// - Parameter capacity: entries of one generation, at least 1.
    @inlinable package init(capacity: Int) {
        precondition(capacity > 0)
        self.capacity = capacity
    }

    package subscript(key: Key) -> Value? {
        @inlinable mutating get {
            if let value = young[key] { return value }
            guard let value = old.removeValue(forKey: key) else { return nil }
            insert(value, for: key)
            return value
        }
        @inlinable set {
            old[key] = nil
            if let newValue { insert(newValue, for: key) } else { young[key] = nil }
        }
    }

    @inlinable package mutating func removeAll() {
        young = [:]
        old = [:]
    }

    /// Forgets what `isGone` names. O(values).
    @inlinable package mutating func removeAll(where isGone: (Key, Value) -> Bool) {
        young = young.filter { !isGone($0.key, $0.value) }
        old = old.filter { !isGone($0.key, $0.value) }
    }

    @inlinable mutating func insert(_ value: Value, for key: Key) {
        if young.count >= capacity && young[key] == nil {
            old = young
            young = [:]
        }
        young[key] = value
    }
}
