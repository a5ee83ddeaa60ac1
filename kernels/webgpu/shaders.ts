/**
 * The WGSL of both kernels: the shared part, the constants that follow from the settings, and the
 * kernel.
 */
import deep from './deep.wgsl' with { type: 'text' }
import filter from './filter.wgsl' with { type: 'text' }
import type { Settings } from './settings.ts'
import shared from './shared.wgsl' with { type: 'text' }
import { JUMP_STEPS, JUMP_WORDS, LAST_BITS, LOOK_ROWS, PATTERN_SHIFT, ROWS } from './tables.ts'

/** Jumps on the low 64 bits. 14 bits are left after them, and one more look takes ten. */
export const LOW_JUMPS = 5
/** Numbers queued in workgroup memory at once: 6 KiB of the 16 that every WebGPU device has. */
const QUEUE = 1536
/** Survivors collected there before they go out together. */
const COLLECTED = 512

/**
 * Steps from a class at depth W - LAST_BITS to where the first tier of evidence looks, W + 23; the
 * second looks 60 steps later.
 */
const FLAG_STEPS = LAST_BITS + 23

function constants(settings: Settings, evidence: boolean): string {
  const values = {
    THREADS: settings.threads,
    QUEUE,
    TAKE: QUEUE / settings.threads,
    COLLECTED,
    PATTERNS_A_GROUP: settings.patterns,
    ROWS,
    LOOK_ROWS,
    PATTERN_SHIFT,
    PATTERN_MASK: 2 ** PATTERN_SHIFT - 1,
    LOW_JUMPS,
    LOOKED: Math.floor(settings.lookBits / JUMP_STEPS),
    FLAGS: JUMP_WORDS,
    FLAG_STEPS,
    FLAG_JUMP: Math.floor(FLAG_STEPS / JUMP_STEPS),
    FLAG_AHEAD: FLAG_STEPS % JUMP_STEPS,
  }
  const numbers = Object.entries(values).map(([name, value]) => `const ${name} = ${value}u;\n`)
  return `const EVIDENCE = ${evidence};\n${numbers.join('')}`
}

/** @param evidence whether it looks for flags; without, the code for it is not there */
export function filterSource(settings: Settings, evidence = false): string {
  return constants(settings, evidence) + shared + filter
}

/** @param evidence as of filterSource() */
export function deepSource(settings: Settings, evidence = false): string {
  return constants(settings, evidence) + shared + deep
}
