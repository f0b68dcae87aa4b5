// group: group chat, in a later release.
//
// Purpose    Joins the mesh, reports health, and answers whatever clients ask of it with `unsupported`.
// Requests   One-way `featureRequest` of parsers.
// State      None; a crash loses nothing.
// Touches    Nothing.
// Settings   The common ones (--help).
// Weaknesses It does nothing yet.

import GroupCore
import ServiceKit

ServiceHost.run(.group, purpose: "group chat (not in this release: answers unsupported)") { _ throws(StartFailure) in
    GroupCore()
}
