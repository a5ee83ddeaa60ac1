/**
 * The data directory of a node:
 *
 *   genesis.cbor     the signed genesis block, as adopted
 *   account.key      the account's Ed25519 seed, 64 hex digits: who you are; back it up
 *   node.key         the node's Ed25519 seed: this machine
 *   last-sealed      only on a coordinator's node: the newest epoch that it has sealed a draw for; keep it with the key
 *   beacon.key       only on a founder's node with a local beacon: its BLS secret
 *   config.json      name, addresses to listen on, peers to dial, drand relays to ask (if the owner names any)
 *   node.sqlite      blocks, databases, checkpoints
 *   certificates/    one file for each certified window
 *   fraud/           one file for each convicted account
 *
 * A directory belongs to one network for good: its id is written down when the genesis is adopted.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { ed25519 } from '@noble/curves/ed25519.js'
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js'
import { z } from 'zod'
import { UserError } from '../../rules/base/errors.ts'
import { accountName } from '../../rules/message/account-name.ts'
import { type Genesis, readGenesis } from '../../rules/network/genesis.ts'
import { closeToOthers, isSharedByAll, privateFolder, writeAtomically } from '../storage/atomic-file.ts'

/** Something is wrong with the data directory that its owner can mend. */
export class HomeError extends UserError {
  override readonly name = 'HomeError'
}

const configFile = z.strictObject({
  network: z.string(),
  /** How the account is shown to readers. */
  name: accountName,
  listen: z.array(z.string()),
  peers: z.array(z.string()),
  /** URLs of the drand relays that are asked instead of the chain's usual ones (drand.ts). */
  relays: z.array(z.string()).min(1).optional(),
})
export type HomeConfig = z.infer<typeof configFile>

export interface Home {
  readonly directory: string
  readonly genesis: Genesis
  readonly config: HomeConfig
  readonly accountKey: Uint8Array
  readonly nodeKey: Uint8Array
  /** The local beacon's BLS secret, only on the founder's node. */
  readonly beaconKey: Uint8Array | null
}

/**
 * --data, else COLLATZ_HOME, else ~/.collatz.
 *
 * @throws {HomeError} when --data is empty: a shell's unset variable
 */
export function homeDirectory(flag?: string): string {
  if (flag === '') throw new HomeError('--data is empty: name a directory, or leave it out')
  return resolve(flag ?? (process.env.COLLATZ_HOME || join(homedir(), '.collatz')))
}

const file = (directory: string, name: string) => join(directory, name)

/**
 * Files and folders of ours in a data directory; in one that its owner uses for more, the rest is
 * none of our business.
 */
const OUR_FILES =
  /^(genesis\.cbor|(account|node|beacon)\.key|last-sealed|(config|control|gpu)\.json|snapshot\.car|node\.sqlite)/
const OUR_FOLDERS = ['certificates', 'fraud', 'checkpoints']

/**
 * Closes a data directory that is there to other users: earlier versions left files open to them.
 */
function closeDirectory(directory: string): void {
  privateFolder(directory)
  for (const name of readdirSync(directory)) if (OUR_FILES.test(name)) closeToOthers(file(directory, name))
  for (const name of OUR_FOLDERS) {
    const folder = file(directory, name)
    if (!existsSync(folder) || (statSync(folder).mode & 0o077) === 0) continue
    for (const entry of readdirSync(folder)) closeToOthers(file(folder, entry))
    // Last: a closed folder says that all in it is closed, so that thousands of files are looked at
    // once.
    privateFolder(folder)
  }
}

export const isHome = (directory: string): boolean => existsSync(file(directory, 'config.json'))

function guarded<T>(directory: string, action: () => T): T {
  try {
    return action()
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS' || code === 'ENOTDIR' || code === 'EEXIST') {
      throw new HomeError(
        `cannot use the data directory ${directory} (${code}): check its owner and permissions, or name another with --data`,
      )
    }
    throw error
  }
}

export interface NewHome {
  readonly directory: string
  readonly genesis: Genesis
  readonly name: string
  readonly accountKey: Uint8Array
  readonly nodeKey: Uint8Array
  readonly beaconKey?: Uint8Array
  readonly listen: readonly string[]
  readonly peers: readonly string[]
  readonly relays?: readonly string[] | undefined
}

/** @throws {HomeError} when the directory already belongs to a network */
export function createHome(home: NewHome): Home {
  const { directory, genesis } = home
  assertFree(directory)
  return guarded(directory, () => {
    privateFolder(directory)
    const secret = (name: string, key: Uint8Array) => writeAtomically(file(directory, name), `${bytesToHex(key)}\n`)
    writeAtomically(file(directory, 'genesis.cbor'), genesis.bytes)
    secret('account.key', home.accountKey)
    secret('node.key', home.nodeKey)
    if (home.beaconKey) secret('beacon.key', home.beaconKey)
    const config: HomeConfig = {
      network: genesis.networkId,
      name: home.name,
      listen: [...home.listen],
      peers: [...home.peers],
      ...(home.relays ? { relays: [...home.relays] } : {}),
    }
    // Last: a directory without it is not a home yet, so an interrupted init can be repeated.
    writeAtomically(file(directory, 'config.json'), `${JSON.stringify(config, null, 2)}\n`)
    return openHome(directory)
  })
}

/**
 * Makes the keys of a node that has no network yet, or reads those that were made before: a
 * coordinator's key has to be known to the founder of the network.
 *
 * @throws {HomeError} when the directory belongs to a network, or a key in it is damaged
 */
export function prepareKeys(directory: string): Pick<Home, 'accountKey' | 'nodeKey'> {
  assertFree(directory)
  return guarded(directory, () => {
    if (isSharedByAll(directory)) {
      throw new HomeError(`every user may write to ${directory}, and keys are to lie there: name a folder in it`)
    }
    privateFolder(directory)
    const key = (name: string): Uint8Array => {
      const path = file(directory, name)
      if (!existsSync(path)) writeAtomically(path, `${bytesToHex(ed25519.utils.randomSecretKey())}\n`)
      return secretIn(path)
    }
    return { accountKey: key('account.key'), nodeKey: key('node.key') }
  })
}

/** @throws {HomeError} */
function secretIn(path: string): Uint8Array {
  const text = readFileSync(path, 'utf8').trim()
  if (!/^[0-9a-f]{64}$/.test(text)) {
    throw new HomeError(`${path} is not a key of 64 hex digits: restore it from a backup`)
  }
  return hexToBytes(text)
}

/** @throws {HomeError} when the directory already belongs to a network */
export function assertFree(directory: string): void {
  if (!isHome(directory)) return
  throw new HomeError(
    `${directory} already belongs to network ${openHome(directory).genesis.networkId}: nothing was changed. ` +
      'Use it with `collatz work`, or name another directory with --data',
  )
}

/** @throws {HomeError} when there is no network in it, or what is there is damaged */
export function openHome(directory: string): Home {
  if (!isHome(directory)) {
    throw new HomeError(
      `no network in ${directory}: make one with \`collatz init --local\`, or take part in one with \`collatz join ADDRESS\``,
    )
  }
  return guarded(directory, () => {
    closeDirectory(directory)
    const read = (name: string): Buffer => {
      try {
        return readFileSync(file(directory, name))
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
        throw new HomeError(`${file(directory, name)} is missing: restore it from a backup`)
      }
    }
    const secret = (name: string): Uint8Array => {
      read(name)
      return secretIn(file(directory, name))
    }
    const config = readConfig(file(directory, 'config.json'), read('config.json').toString('utf8'))
    let genesis: Genesis
    try {
      genesis = readGenesis(new Uint8Array(read('genesis.cbor')))
    } catch (error) {
      if (error instanceof HomeError) throw error
      throw new HomeError(
        `${file(directory, 'genesis.cbor')} was changed or damaged (${(error as Error).message}): ` +
          'restore it, or fetch it again with `collatz join` into another directory',
      )
    }
    if (genesis.networkId !== config.network) {
      throw new HomeError(
        `${file(directory, 'genesis.cbor')} is the genesis of network ${genesis.networkId}, but this directory belongs ` +
          `to ${config.network}: a genesis never changes; restore the file`,
      )
    }
    return {
      directory,
      genesis,
      config,
      accountKey: secret('account.key'),
      nodeKey: secret('node.key'),
      beaconKey: existsSync(file(directory, 'beacon.key')) ? secret('beacon.key') : null,
    }
  })
}

function readConfig(path: string, text: string): HomeConfig {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new HomeError(`${path} is not valid JSON: mend it`)
  }
  const parsed = configFile.safeParse(value)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  throw new HomeError(`${path}: ${issue?.path.join('.') || 'file'}: ${issue?.message}`)
}
