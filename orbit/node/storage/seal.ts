/**
 * Seals on what this program has computed and keeps for itself: SHA-256 over its subject, its
 * content, and the engines that computed it. What was damaged on disk, or what an older engine
 * computed, does not open, and is computed anew. A seal is against accidents: an owner can write
 * anything into its directory.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import kernel from '../../../kernels/wasm/kernel.wasm' with { type: 'file' }
import { DEFAULTS } from '../../../kernels/webgpu/settings.ts'
import { deepSource, filterSource } from '../../../kernels/webgpu/shaders.ts'
import pkg from '../../../package.json' with { type: 'json' }

/** Bytes of a seal, which come before the content. */
export const SEAL_BYTES = 32

let known: Uint8Array | undefined

/** A hash of the program's version, the kernel and the shaders, as they are in this process. */
function engines(): Uint8Array {
  if (known) return known
  const hash = createHash('sha256').update(`${pkg.version}\n`).update(readFileSync(kernel))
  for (const evidence of [false, true]) {
    hash.update(filterSource(DEFAULTS, evidence)).update(deepSource(DEFAULTS, evidence))
  }
  known = hash.digest()
  return known
}

/** @param subject what the content is about: what is about something else does not open */
export function sealOf(subject: string, content: Uint8Array): Uint8Array {
  return createHash('sha256').update(engines()).update(`${subject.length}:${subject}`).update(content).digest()
}

export function seal(subject: string, content: Uint8Array): Uint8Array {
  return new Uint8Array(Buffer.concat([sealOf(subject, content), content]))
}

/** @returns the content, or null when the seal is not that of this program for it */
export function unseal(subject: string, sealed: Uint8Array): Uint8Array | null {
  const content = sealed.subarray(SEAL_BYTES)
  return sealOf(subject, content).every((byte, i) => byte === sealed[i]) ? content : null
}
