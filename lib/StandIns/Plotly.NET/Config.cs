namespace Plotly.NET;

/// <summary>How the chart behaves in its page: tool buttons, resizing.</summary>
public class Config : DynamicObj.DynamicObj;
