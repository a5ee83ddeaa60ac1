/**
 * Programs of the tests that use the GPU: the Vulkan driver is chosen by the environment, so each
 * runs as a process.
 */
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { hasSwiftShader, SWIFTSHADER } from '../chromium.ts'

const ROOT_FOLDER = join(import.meta.dirname, '../..')

/** Whether there is a software driver here. */
export const hasSoftwareVulkan = process.platform === 'linux' && hasSwiftShader()
if (!hasSoftwareVulkan) {
  console.log(`No software Vulkan (${SWIFTSHADER}): tests of the webgpu engine that need one are skipped`)
}

/** The driver, and the Vulkan loader that comes with SwiftShader where the system has none. */
function environment(driver: string): Record<string, string | undefined> {
  const loader = dirname(SWIFTSHADER)
  const path = [process.env.LD_LIBRARY_PATH, existsSync(join(loader, 'libvulkan.so.1')) ? loader : ''].filter(Boolean)
  return { ...process.env, VK_DRIVER_FILES: driver, LD_LIBRARY_PATH: path.join(':') }
}

/** Runs it to its end, whatever that is. */
export async function runWithDriver(
  command: readonly string[],
  driver: string,
  { cwd = ROOT_FOLDER, env = {} }: { cwd?: string; env?: Record<string, string> } = {},
) {
  const all = { ...environment(driver), ...env }
  const child = Bun.spawn([...command], { cwd, env: all, stdout: 'pipe', stderr: 'pipe' })
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
  return { code: await child.exited, stdout, stderr }
}

/**
 * What a program found: the last line that it prints, as JSON. Dawn reports refused commands on the
 * same stream.
 */
export async function findings(program: string, scenario: string, driver: string, ...args: string[]) {
  const { code, stdout, stderr } = await runWithDriver([process.execPath, program, scenario, ...args], driver)
  if (code !== 0) throw new Error(stderr)
  return JSON.parse(stdout.trimEnd().split('\n').at(-1)!)
}
