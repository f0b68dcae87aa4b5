// The names of all fields of all JSON frames, and how a name is found without making a string of it.
//
// Most names have at most eight bytes, so such a name is one number: its bytes, the first one lowest. Finding a key is then a
// `switch` over integers, a handful of comparisons. The few longer names belong to rare frames and are spelled out.

enum JSONKey: UInt8, CaseIterable {
    case type
    case id
    case to
    case body
    case after
    case n
    case with
    case at
    case ref
    case cursor
    case ticks
    case before
    case limit
    case from
    case rev
    case user
    case device
    case head
    case time
    case archive
    case entries
    case more
    case code
    case text
    case retryMs
    case group
    case change
    case title
    case users
    case role
    case announce
    case receipts
    case seq
    case members
    case groups
    case got
    case read
    case of
    case count
    case history
    case attempt
    case auto
    case on
    case online
    case last
    case except
    case blocked
    case lastSeen
    case readReceipts
    case name
    case mime
    case size
    case hash
    case opaque
    case media
    case secret
    case url
    case until

    /// How many keys there are; `JSONObject` has a place for each.
    static let keyCount = 58

    /// The key whose name's bytes are `word`; zero bytes above the last letter.
    init?(word: UInt64) {
        switch word {
        case 0x6570_7974: self = .type  // type
        case 0x6469: self = .id  // id
        case 0x6F74: self = .to  // to
        case 0x7964_6F62: self = .body  // body
        case 0x72_6574_6661: self = .after  // after
        case 0x6E: self = .n  // n
        case 0x6874_6977: self = .with  // with
        case 0x7461: self = .at  // at
        case 0x66_6572: self = .ref  // ref
        case 0x726F_7372_7563: self = .cursor  // cursor
        case 0x73_6B63_6974: self = .ticks  // ticks
        case 0x6572_6F66_6562: self = .before  // before
        case 0x74_696D_696C: self = .limit  // limit
        case 0x6D6F_7266: self = .from  // from
        case 0x76_6572: self = .rev  // rev
        case 0x7265_7375: self = .user  // user
        case 0x6563_6976_6564: self = .device  // device
        case 0x6461_6568: self = .head  // head
        case 0x656D_6974: self = .time  // time
        case 0x65_7669_6863_7261: self = .archive  // archive
        case 0x73_6569_7274_6E65: self = .entries  // entries
        case 0x6572_6F6D: self = .more  // more
        case 0x6564_6F63: self = .code  // code
        case 0x7478_6574: self = .text  // text
        case 0x736D_5F79_7274_6572: self = .retryMs  // retry_ms
        case 0x70_756F_7267: self = .group  // group
        case 0x6567_6E61_6863: self = .change  // change
        case 0x65_6C74_6974: self = .title  // title
        case 0x73_7265_7375: self = .users  // users
        case 0x656C_6F72: self = .role  // role
        case 0x6563_6E75_6F6E_6E61: self = .announce  // announce
        case 0x7374_7069_6563_6572: self = .receipts  // receipts
        case 0x71_6573: self = .seq  // seq
        case 0x73_7265_626D_656D: self = .members  // members
        case 0x7370_756F_7267: self = .groups  // groups
        case 0x74_6F67: self = .got  // got
        case 0x6461_6572: self = .read  // read
        case 0x666F: self = .of  // of
        case 0x74_6E75_6F63: self = .count  // count
        case 0x79_726F_7473_6968: self = .history  // history
        case 0x74_706D_6574_7461: self = .attempt  // attempt
        case 0x6F74_7561: self = .auto  // auto
        case 0x6E6F: self = .on  // on
        case 0x656E_696C_6E6F: self = .online  // online
        case 0x7473_616C: self = .last  // last
        case 0x7470_6563_7865: self = .except  // except
        case 0x64_656B_636F_6C62: self = .blocked  // blocked
        case 0x656D_616E: self = .name  // name
        case 0x656D_696D: self = .mime  // mime
        case 0x657A_6973: self = .size  // size
        case 0x6873_6168: self = .hash  // hash
        case 0x6575_7161_706F: self = .opaque  // opaque
        case 0x61_6964_656D: self = .media  // media
        case 0x7465_7263_6573: self = .secret  // secret
        case 0x6C_7275: self = .url  // url
        case 0x6C_6974_6E75: self = .until  // until
        default: return nil
        }
    }

    /// The key whose name, of more than eight bytes, stands in `bytes[range]`.
    init?(long bytes: [UInt8], _ range: Range<Int>) {
        if bytes.spell("last_seen", in: range) {
            self = .lastSeen
        } else if bytes.spell("read_receipts", in: range) {
            self = .readReceipts
        } else {
            return nil
        }
    }

    /// The name in the frame.
    var name: String {
        switch self {
        case .type: "type"
        case .id: "id"
        case .to: "to"
        case .body: "body"
        case .after: "after"
        case .n: "n"
        case .with: "with"
        case .at: "at"
        case .ref: "ref"
        case .cursor: "cursor"
        case .ticks: "ticks"
        case .before: "before"
        case .limit: "limit"
        case .from: "from"
        case .rev: "rev"
        case .user: "user"
        case .device: "device"
        case .head: "head"
        case .time: "time"
        case .archive: "archive"
        case .entries: "entries"
        case .more: "more"
        case .code: "code"
        case .text: "text"
        case .retryMs: "retry_ms"
        case .group: "group"
        case .change: "change"
        case .title: "title"
        case .users: "users"
        case .role: "role"
        case .announce: "announce"
        case .receipts: "receipts"
        case .seq: "seq"
        case .members: "members"
        case .groups: "groups"
        case .got: "got"
        case .read: "read"
        case .of: "of"
        case .count: "count"
        case .history: "history"
        case .attempt: "attempt"
        case .auto: "auto"
        case .on: "on"
        case .online: "online"
        case .last: "last"
        case .except: "except"
        case .blocked: "blocked"
        case .lastSeen: "last_seen"
        case .readReceipts: "read_receipts"
        case .name: "name"
        case .mime: "mime"
        case .size: "size"
        case .hash: "hash"
        case .opaque: "opaque"
        case .media: "media"
        case .secret: "secret"
        case .url: "url"
        case .until: "until"
        }
    }
}
