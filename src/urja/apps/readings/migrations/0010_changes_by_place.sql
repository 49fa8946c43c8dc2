-- A day's close asks whether something before the day has changed.
CREATE INDEX readings_change_place ON readings_change (service_point_id, at);
