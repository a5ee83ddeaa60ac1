/** Folders as UnixFS, and names for them: IPNS over the network's own DHT. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { ipns } from '@helia/ipns'
import { unixfs } from '@helia/unixfs'
import { base36 } from 'multiformats/bases/base36'
import { CID } from 'multiformats/cid'

export class NameError extends Error {
  override readonly name = 'NameError'
}

const RESOLVE_MS = 30_000
const FETCH_MS = 60_000
const MAX_FILE = 1 << 30

type Helia = Parameters<typeof unixfs>[0] & Parameters<typeof ipns>[0]

function filesUnder(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
}

export class Publishing {
  private readonly fs: ReturnType<typeof unixfs>
  private readonly names: ReturnType<typeof ipns>

  constructor(helia: Helia) {
    this.fs = unixfs(helia)
    this.names = ipns(helia)
    // It would start with Helia, but Helia has started already; without this nothing is published again in time.
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

  /** @throws {NameError} when it is no name, or nobody knows what it points at */
  async resolveName(name: string): Promise<CID> {
    let key: CID
    try {
      key = CID.parse(name, name.startsWith('k') ? base36 : undefined)
    } catch {
      throw new NameError(`"${name}" is not an IPNS name (they look like k51qzi5uqu5d...)`)
    }
    const signal = AbortSignal.timeout(RESOLVE_MS)
    let newest: { value: string; sequence: bigint } | undefined
    try {
      for await (const { record, value } of this.names.resolve(key, { signal, nocache: true })) {
        const sequence = record.sequence ?? 0n
        if (!newest || sequence > newest.sequence) newest = { value, sequence }
      }
    } catch {
      // Reported below: what came before the time was up still counts.
    }
    const cid = newest && /^\/ipfs\/([^/]+)/.exec(newest.value)?.[1]
    if (!cid) throw new NameError(`no peer knows what /ipns/${name} points at: is a node that published it online?`)
    return CID.parse(cid)
  }

  /** Writes a published folder to disk. */
  async exportDirectory(cid: CID, directory: string): Promise<void> {
    const root = resolve(directory)
    const walk = async (folder: CID, path: string): Promise<void> => {
      for await (const entry of this.fs.ls(folder, { signal: AbortSignal.timeout(FETCH_MS) })) {
        const target = resolve(path, entry.name)
        if (!target.startsWith(root + sep) || entry.name.includes('/')) {
          throw new NameError(`the folder ${cid} holds a file with the name ${JSON.stringify(entry.name)}: refused`)
        }
        const stat = await this.fs.stat(entry.cid, { signal: AbortSignal.timeout(FETCH_MS) })
        if (stat.type === 'directory') {
          await walk(entry.cid, target)
          continue
        }
        const parts: Uint8Array[] = []
        let size = 0
        for await (const part of this.fs.cat(entry.cid, { signal: AbortSignal.timeout(FETCH_MS) })) {
          size += part.length
          if (size > MAX_FILE) throw new NameError(`the folder ${cid} holds a file over 1 GiB: refused`)
          parts.push(part)
        }
        mkdirSync(dirname(target), { recursive: true })
        writeFileSync(target, Buffer.concat(parts))
      }
    }
    mkdirSync(root, { recursive: true })
    await walk(cid, root)
  }
}
