/**
 * Folders as UnixFS, and names for them: IPNS over the network's own DHT. The public page is
 * published so.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative, resolve, sep } from 'node:path'
import { ipns } from '@helia/ipns'
import { unixfs } from '@helia/unixfs'
import { base36 } from 'multiformats/bases/base36'
import { CID } from 'multiformats/cid'
import { UserError } from '../../rules/base/errors.ts'

export class NameError extends UserError {
  override readonly name = 'NameError'
}

const RESOLVE_MS = 30_000
const RETRY_MS = 250
const FETCH_MS = 60_000
const MAX_FILES = 100_000
const MAX_BYTES = 1 << 30
/** File names that every system can write. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is kept out
const SAFE_NAME = /^[^/\\:*?"<>|\x00-\x1f]{1,255}$/

type Helia = Parameters<typeof unixfs>[0] & Parameters<typeof ipns>[0]

/** Without hidden ones: those are notes of a program or of the user, and no part of a page. */
function filesUnder(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !`/${relative(directory, path).split(sep).join('/')}`.includes('/.'))
    .sort()
}

export class Publishing {
  private readonly fs: ReturnType<typeof unixfs>
  private readonly names: ReturnType<typeof ipns>

  constructor(helia: Helia) {
    this.fs = unixfs(helia)
    this.names = ipns(helia)
    // Helia would start it, but has started already. Without this no record is published again
    // before it expires.
    ;(this.names as unknown as { start(): void }).start()
  }

  stop(): void {
    ;(this.names as unknown as { stop(): void }).stop()
  }

  /** @returns the CID of the folder: the same for the same files, on every machine */
  async publishDirectory(directory: string): Promise<CID> {
    const files = filesUnder(directory).map((path) => ({
      path: `page/${relative(directory, path).split(sep).join('/')}`,
      content: readFileSync(path),
    }))
    let root: CID | undefined
    for await (const { path, cid } of this.fs.addAll(files)) if (path === 'page') root = cid
    if (!root) throw new NameError(`there is nothing to publish in ${directory}`)
    return root
  }

  /** Points this node's name `key` at a CID. @returns the IPNS name, base36 */
  async publishName(key: string, cid: CID): Promise<string> {
    const { publicKey } = await this.names.publish(key, cid)
    return publicKey.toCID().toString(base36)
  }

  /** @throws {NameError} when it is no name, or no peer tells in time what it points at */
  async resolveName(name: string, timeoutMs = RESOLVE_MS): Promise<CID> {
    let key: CID
    try {
      key = CID.parse(name, name.startsWith('k') ? base36 : undefined)
    } catch {
      throw new NameError(`"${name}" is not an IPNS name (they look like k51qzi5uqu5d...)`)
    }
    const signal = AbortSignal.timeout(timeoutMs)
    while (!signal.aborted) {
      const cid = await this.newest(key, signal)
      if (cid) return cid
      // A node that has just started knows its peers a moment later.
      await Bun.sleep(RETRY_MS)
    }
    throw new NameError(`no peer knows what /ipns/${name} points at: is a node that published it online?`)
  }

  private async newest(key: CID, signal: AbortSignal): Promise<CID | undefined> {
    let newest: { value: string; sequence: bigint } | undefined
    try {
      for await (const { record, value } of this.names.resolve(key, { signal, nocache: true })) {
        const sequence = record.sequence ?? 0n
        if (!newest || sequence > newest.sequence) newest = { value, sequence }
      }
    } catch {
      // A record that came before the time was up still counts.
    }
    const cid = newest && /^\/ipfs\/([^/]+)/.exec(newest.value)?.[1]
    return cid === undefined ? undefined : CID.parse(cid)
  }

  /**
   * Writes a published folder to disk, without hidden files.
   *
   * @param directory new or empty: nothing that is there is written over, and no link is followed
   * @throws {NameError} when it is no folder, or has odd names, too many files or too many bytes
   * for a page
   */
  async exportDirectory(cid: CID, directory: string): Promise<void> {
    const root = resolve(directory)
    let files = 0
    let bytes = 0
    const fail = (why: string): never => {
      throw new NameError(`the folder ${cid} ${why}: refused`)
    }
    const walk = async (folder: CID, path: string): Promise<void> => {
      for await (const { name, cid: entry } of this.fs.ls(folder, { signal: AbortSignal.timeout(FETCH_MS) })) {
        if (!SAFE_NAME.test(name) || name === '.' || name === '..') {
          fail(`holds a file with the name ${JSON.stringify(name)}`)
        }
        if (name.startsWith('.')) continue
        if (++files > MAX_FILES) fail(`holds more than ${MAX_FILES} files`)
        const target = join(path, name)
        const { type } = await this.fs.stat(entry, { signal: AbortSignal.timeout(FETCH_MS) })
        if (type === 'directory') {
          mkdirSync(target)
          await walk(entry, target)
          continue
        }
        const parts: Uint8Array[] = []
        for await (const part of this.fs.cat(entry, { signal: AbortSignal.timeout(FETCH_MS) })) {
          bytes += part.length
          if (bytes > MAX_BYTES) fail('holds more than 1 GiB')
          parts.push(part)
        }
        writeFileSync(target, Buffer.concat(parts), { flag: 'wx' })
      }
    }
    const { type } = await this.fs.stat(cid, { signal: AbortSignal.timeout(FETCH_MS) }).catch(() => fail('is nowhere'))
    if (type !== 'directory') fail('is a file')
    mkdirSync(root, { recursive: true })
    await walk(cid, root)
  }
}
