/**
 * Errors that a user may see.
 *
 * One class for all layers but the kernels, which import nothing: the program shows the message of
 * such an error as it is and ends with its exit code. Any other error is a defect of the program.
 * Exit codes follow sysexits.h where it has one.
 */
export class UserError extends Error {
  override readonly name: string = 'UserError'
  readonly exitCode: number

  /**
   * @param message what happened, to what, and what to do; without a full stop, as more may be said
   * before or after it
   * @param exitCode 1 to 255; 1: it could not be done
   */
  constructor(message: string, exitCode = 1) {
    super(message)
    this.exitCode = exitCode
  }
}
