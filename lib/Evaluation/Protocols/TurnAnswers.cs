namespace HeadKvLab.Evaluation.Protocols;

/// <summary>Whose answer precedes the next question of a conversation.</summary>
public enum TurnAnswers
{
    /// <summary>The reference answer, so that an early mistake harms no later turn; SCBench's default.</summary>
    Golden,

    /// <summary>What the model answered itself, with the token that ended it.</summary>
    Own,
}
