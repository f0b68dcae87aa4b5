// Questions and wishes that are said once, by whoever is live: nobody remembers them. The answer carries the `ref`; when none comes
// the person asks again.

import ClientProtocol
import Media
import Primitives
import Privacy

extension ChatClient {
    private mutating func ask(_ frame: ClientFrame) {
        guard isLive else { return }
        actions.append(.transmit(frame))
    }

    /// A page of what this person wrote and received, newest first.
    public mutating func requestHistory(ref: MessageID?, with: UserID?, before: UInt64?, limit: Int) {
        ask(.history(ref: ref, with: with, before: before, limit: limit))
    }

    // MARK: Groups

    public mutating func requestGroupInfo(ref: MessageID?, group: UserID) {
        ask(.groupInfo(ref: ref, group: group))
    }

    /// - Parameter after: the last group of the page before.
    public mutating func requestGroupList(ref: MessageID?, after: UserID?) {
        ask(.groupList(ref: ref, after: after))
    }

    /// Who has, and who has read, the message of `group` stamped `at`.
    public mutating func requestReceipts(ref: MessageID?, with group: UserID, at: Stamp) {
        ask(.receipts(ref: ref, with: group, at: at))
    }

    /// A page of the log of `group`, newest first. The answer is `.history`, its entries have the number 0.
    public mutating func requestGroupHistory(ref: MessageID?, group: UserID, before: UInt64?, limit: Int) {
        ask(.groupHistory(ref: ref, group: group, before: before, limit: limit))
    }

    // MARK: Presence and privacy

    /// Who of these is here, and when were the others? 1...`ClientLimits.presenceUserCountMax` people.
    public mutating func requestPresence(ref: MessageID?, of users: [UserID]) {
        ask(.presence(ref: ref, users: users))
    }

    /// Changes settings; what is nil stays, and when all are nil it is a question. It may be asked again: the answer tells how they
    /// stand.
    public mutating func changeSettings(
        ref: MessageID?, lastSeen: Visibility? = nil, exceptions: [UserID]? = nil, readReceipts: Bool? = nil
    ) {
        ask(.settings(ref: ref, lastSeen: lastSeen, exceptions: exceptions, readReceipts: readReceipts))
    }

    public mutating func block(ref: MessageID?, _ user: UserID, isOn: Bool) {
        ask(.block(ref: ref, user: user, on: isOn))
    }

    // MARK: Media

    /// Where to upload this file; the answer is a link.
    public mutating func requestUpload(ref: MessageID, of file: MediaFile) { ask(.mediaUpload(ref: ref, file: file)) }

    /// Where to download it; the answer is a link.
    public mutating func requestDownload(ref: MessageID, of media: MediaReference) { ask(.mediaLink(ref: ref, media)) }

    /// The message with the reference is sent: the file is to stay. To be repeated until it is answered.
    public mutating func keep(ref: MessageID, _ media: MediaReference) { ask(.mediaKeep(ref: ref, media)) }
}
