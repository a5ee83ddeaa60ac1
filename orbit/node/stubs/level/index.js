// OrbitDB imports `level` for its default storage. We pass our own (bun:sqlite), and classic-level's native loader
// does not survive compilation into one binary, so this stands in for it and says so if it is ever reached.
export class Level {
  constructor() {
    throw new Error('LevelStorage is not part of this build: pass a storage')
  }
}
