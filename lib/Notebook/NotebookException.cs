namespace HeadKvLab.Notebook;

/// <summary>Bad input: a file or option that cannot be used. The message names the file, the place and the cure; exit code 2.</summary>
internal sealed class NotebookException(string message) : Exception(message);
