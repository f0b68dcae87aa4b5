// The devices of an owner as every engine remembers them, and when one of them counts as unused.

import Messages
import Primitives

/// All devices of one owner.
package struct DeviceSet: Sendable {
    package struct Device: Sendable {
        package let name: DeviceID
        package var cursor: UInt64
        /// Last sign of life; see `refreshes`.
        package var opened: Stamp

        package init(name: DeviceID, cursor: UInt64, opened: Stamp) {
            self.name = name
            self.cursor = cursor
            self.opened = opened
        }
    }

    package var devices: [Device]
    /// The highest cursor of any device that was forgotten.
    package var forgotten: UInt64

    package init(devices: [Device], forgotten: UInt64) {
        self.devices = devices
        self.forgotten = forgotten
    }

    /// Up to here some device has, or had, everything.
    package var delivered: UInt64 { devices.reduce(forgotten) { max($0, $1.cursor) } }

    /// Up to here every device has everything; without devices, what former ones had.
    package var lowest: UInt64 { devices.map(\.cursor).min() ?? forgotten }

    package func index(of name: DeviceID) -> Int? { devices.firstIndex { $0.name == name } }
}

extension DevicePage {
    package init(_ set: DeviceSet) {
        self.init(
            devices: set.devices.map { Item(device: $0.name, cursor: $0.cursor, opened: $0.opened) }.sorted { $0.device < $1.device })
    }
}

extension StorePolicy {
    /// A sign of life is written down when the last one is older than 1/64 of the expiry, 11 hours of 30 days: when
    /// thousands reconnect at once, hardly any of them writes.
    private var refreshInterval: Interval { Interval(nanoseconds: expiry.nanoseconds / 64) }

    package func refreshes(_ opened: Stamp, now: Stamp) -> Bool { opened + refreshInterval < now }

    /// A device is unused when its last sign of life, as exact as that is written down, lies the expiry time back.
    package func isUnused(_ opened: Stamp, now: Stamp) -> Bool { opened + refreshInterval + expiry < now }
}

/// Number and stamp of an inbox's newest entry; zeros for an empty inbox.
package struct Head: Equatable, Sendable {
    package var number: UInt64
    package var stamp: Stamp
    package static let empty = Head(number: 0, stamp: .zero)

    package init(number: UInt64, stamp: Stamp) {
        self.number = number
        self.stamp = stamp
    }
}
