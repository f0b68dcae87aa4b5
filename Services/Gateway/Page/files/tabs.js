// One tab at a time: a device has one connection and one writer to its database.
//
// The Web Locks API holds the lock `fantail:USER` for as long as a tab lives, however it dies. A second tab finds it taken and
// asks before it takes over; whoever loses the lock hears of it at once, and writes nothing any more (the book checks that in
// its transactions, too).

export class TabLock {
  #release = null;

  /// True: it is ours now, until `onLost` is called. False: another tab has it.
  take(user, onLost, { isForced = false } = {}) {
    return new Promise((resolve) => {
      navigator.locks
        .request(`fantail:${user}`, isForced ? { steal: true } : { ifAvailable: true }, (lock) => {
          if (!lock) return resolve(false);
          resolve(true);
          return new Promise((release) => (this.#release = release));
        })
        // A lock that was taken away ends in an AbortError.
        .catch(() => onLost());
    });
  }

  release() {
    this.#release?.();
    this.#release = null;
  }
}
