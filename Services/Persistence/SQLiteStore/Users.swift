// Names to small numbers and back. A name gets its number with the first thing that is stored under it and keeps it for
// ever; reading and refusing give no numbers out.

import Primitives

extension SQLiteStore {
    /// The number of `user`; nil when nothing was ever stored under this name.
    func findUser(_ user: UserID) throws(SQLiteError) -> Int64? {
        if let id = userIDs[user] { return id }
        defer { sql.findUser.reset() }
        sql.findUser.bind(1, user.text)
        guard try sql.findUser.step() else { return nil }
        let id = sql.findUser.int64(0)
        userIDs[user] = id
        return id
    }

    /// The number of `user`, a new one when the name is new.
    func makeUser(_ user: UserID) throws(SQLiteError) -> Int64 {
        if let id = try findUser(user) { return id }
        sql.insertUser.bind(1, user.text)
        try sql.insertUser.run()
        let id = database.lastRowID
        guard id <= EntryKey.ownerMax else {
            throw SQLiteError(code: -1, message: "this partition has all the \(EntryKey.ownerMax) names it can hold")
        }
        userIDs[user] = id
        return id
    }

    func nameUser(_ id: Int64) throws(SQLiteError) -> UserID {
        if let user = userNames[id] { return user }
        defer { sql.nameUser.reset() }
        sql.nameUser.bind(1, id)
        guard try sql.nameUser.step() else { throw .badRow("no user has the number \(id)") }
        let user = try sql.nameUser.userID(0)
        userNames[id] = user
        return user
    }
}
