-- Two commands may set a calendar for the same midnight: both are kept, and the last one recorded decides.
ALTER TABLE determinants_meter_calendar DROP CONSTRAINT determinants_meter_calendar_pkey;
ALTER TABLE determinants_meter_calendar ADD PRIMARY KEY (device_id, held_at, command_id);
