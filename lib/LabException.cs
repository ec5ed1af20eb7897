namespace HeadKvLab;

/// <summary>
/// An input the lab cannot use. The message names the file or argument, the place in it and the cure;
/// the command-line program prints it without a stack trace and exits with code 2.
/// </summary>
public class LabException : Exception
{
    /// <summary>Creates the error.</summary>
    /// <param name="message">What is wrong, where, and how to mend it.</param>
    public LabException(string message) : base(message) { }

    /// <summary>Creates the error with the failure that caused it.</summary>
    public LabException(string message, Exception inner) : base(message, inner) { }
}
