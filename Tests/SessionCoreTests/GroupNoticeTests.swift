// What authors are told in passing, and which groups somebody is in.

import ClientProtocol
import CoreKit
import Groups
import Messages
import Primitives
import RPC
import Testing

@Suite struct GroupNoticeTests {
    private func notice(_ content: GroupNotice.Content, for author: UserID = bob) -> Message {
        .groupNotice(GroupNotice(author: author, group: team, at: groupStamp(1), content: content))
    }

    @Test func countsGoToEveryDeviceThatIsLive() {
        var s = Scene()
        s.isLive(phone, 1, devices: 2)
        s.isLive(laptop, 2, devices: 2)
        // One that has said hello and not been welcomed yet.
        _ = s.gets(s.hello(s.origin(bob, DeviceID("tablet")!, 3), cursor: 0))
        let counts = ServerFrame.groupCounts(group: team, at: groupStamp(1), delivered: 3, read: 1, of: 4)
        #expect(s.gets(notice(.counts(delivered: 3, read: 1, of: 4)), from: s.shard()) == [.tell(1, counts), .tell(2, counts)])
    }

    @Test func aNoticeOfDelayGoesToItsAuthorAlone() {
        var s = Scene()
        s.isLive()
        _ = s.gets(s.hello(s.origin(cem, phone, 2), cursor: 0))
        _ = s.answer(opened())
        #expect(
            s.gets(notice(.late(count: 7)), from: s.shard()) == [.tell(1, .groupLate(group: team, at: groupStamp(1), count: 7))])
    }

    @Test func aNoticeForSomebodyAwayIsNothing() {
        var s = Scene()
        #expect(s.gets(notice(.late(count: 7)), from: s.shard()) == [])
        #expect(s.callCount == 0)
    }

    // MARK: Lists of groups

    private func query(_ s: Scene, after: UserID? = nil) -> Message {
        .membershipQuery(MembershipQuery(origin: s.origin(), reference: MessageID("q-1")!, after: after))
    }

    @Test(arguments: [nil, crew])
    func theListIsReadFromTheInboxesPartitionAndShown(after: UserID?) {
        var s = Scene()
        #expect(s.gets(query(s, after: after)) == [.call(s.store, .readMemberships(ReadMemberships(owner: bob, after: after)))])
        let items = [MembershipPage.Item(group: team, title: "Team")]
        #expect(
            s.answer(.membershipPage(MembershipPage(items: items, hasMore: true))) == [
                .tell(1, .groupList(ref: MessageID("q-1")!, groups: [GroupTitle(group: team, title: "Team")], more: true))
            ])
    }

    @Test func aListThatCannotBeReadIsRefused() {
        var s = Scene()
        _ = s.gets(query(s))
        #expect(complaints(s.refuse(.unavailable, retryMs: 400)) == [Complaint(1, .unavailable, ref: "q-1", retryMs: 400)])
        _ = s.gets(query(s))
        // To a client it is as if the shard were away.
        #expect(complaints(s.answer(.done)) == [Complaint(1, .unavailable, ref: "q-1", retryMs: 1_000)])
    }
}
